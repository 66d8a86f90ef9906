"""Ranks, gains and tables, from answers that are known."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from training.evaluation import plots
from training.evaluation.report import report, write_scores
from training.evaluation.results import Results
from training.evaluation.scores import scores
from training.evaluation.sets import Example, PictureSet, examples
from training.evaluation.subjects import Bicubic, Lanczos, Subject
from training.features.degradation import Picture, resized
from training.measures import psnr


class Perfect:
    """Knows the truth of every picture."""

    name = "perfect"

    def __init__(self, known: list[Example]) -> None:
        self._truths = {e.half.tobytes(): e.truth for e in known}

    def double(self, picture: Picture) -> Picture:
        truth = self._truths[picture.tobytes()]
        return resized(picture, 2) if truth is None else truth


def example(seed: int) -> Example:
    truth = np.random.default_rng(seed).integers(0, 256, (150, 70, 3), np.uint8)
    return Example(f"noise-{seed}", resized(truth, 0.5), truth)


@pytest.fixture(scope="module")
def results() -> Results:
    shared = example(0)
    sets = [
        PictureSet("two", [shared, example(1)]),
        PictureSet("one of them", [shared]),
        PictureSet("blind", [Example("blind", example(2).half, None)]),
    ]
    subjects: list[Subject] = [Bicubic(), Lanczos(), Perfect(examples(sets))]
    return Results(
        sets=sets,
        scores={subject.name: scores(subject, examples(sets)) for subject in subjects},
        costs={},
        stars=[],
        averagings=[],
        notes=["Noise."],
    )


def test_the_best_comes_first_and_shared_pictures_count_once(results: Results) -> None:
    ranks = results.mean_ranks()
    assert ranks["perfect"] == 1
    assert ranks["bicubic"] + ranks["Lanczos"] == 5


def test_subjects_that_are_equal_share_their_rank(results: Results) -> None:
    twins = dict.fromkeys(("bicubic", "twin"), results.scores["bicubic"])
    equal = Results(results.sets, twins, {}, [], [], [])
    assert equal.mean_ranks() == {"bicubic": 1.5, "twin": 1.5}
    assert set(equal.gains("twin", results.sets[0]).values()) == {0.0}


def test_the_means_are_those_of_the_pictures(results: Results) -> None:
    two = results.sets[0]
    expected = [psnr(resized(e.half, 2), e.truth) for e in two.examples if e.truth is not None]
    found = results.mean_closeness("bicubic", two, lambda near: near.psnr)
    assert found == pytest.approx(np.mean(expected))
    assert results.excess("perfect", two) == pytest.approx(0)
    assert (results.excess("bicubic", two) or 0) > 1


def test_without_a_truth_only_the_consistency_is_known(results: Results) -> None:
    blind = results.sets[2]
    assert results.with_truth == results.sets[:2]
    assert results.mean_closeness("bicubic", blind, lambda near: near.psnr) is None
    assert results.excess("bicubic", blind) is None
    consistency = results.mean("bicubic", blind, lambda score: score.consistency)
    assert consistency is not None
    assert 20 < consistency < 60


def test_the_report_has_a_line_for_every_set_and_subject(results: Results) -> None:
    text = report(results)
    for pictures in results.sets:
        for subject in results.subjects:
            start = f"| {pictures.name} | {len(pictures.examples)} | {subject} |"
            assert text.count(start) == 1, start
    assert "| perfect | 1.00 |" in text
    assert text.endswith("Noise.")


def test_scores_are_written_picture_by_picture(results: Results, tmp_path: Path) -> None:
    write_scores(results, tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert len(rows) == 3 * (2 + 1 + 1)
    for row in rows:
        assert (row["psnr_y"] == "") == (row["set"] == "blind")
        assert float(row["consistency"]) > 0
    perfect = [row for row in rows if row["subject"] == "perfect" and row["set"] == "two"]
    assert {float(row["psnr_y"]) for row in perfect} == {math.inf}


def test_crops_are_where_the_gain_is_largest_and_least() -> None:
    truth = np.random.default_rng(1).integers(0, 256, (132, 132, 3), np.uint8)
    known = Example("noise", resized(truth, 0.5), truth)

    class Uneven:
        name = "uneven"

        def double(self, picture: Picture) -> Picture:
            doubled = resized(picture, 2)
            doubled[2:66, 66:130] = truth[2:66, 66:130]
            doubled[66:130, 2:66] = 255 - truth[66:130, 2:66]
            return doubled

    uneven = {subject.name: scores(subject, [known]) for subject in (Bicubic(), Uneven())}
    found = Results([PictureSet("noise", [known])], uneven, {}, [], [], [])
    (best,), (worst,) = plots.best(found, "uneven"), plots.worst(found, "uneven")
    assert (best.spot.top, best.spot.left) == (0, 64)
    assert best.spot.gain > 0 > worst.spot.gain
    assert (worst.spot.top, worst.spot.left) == (64, 0)
