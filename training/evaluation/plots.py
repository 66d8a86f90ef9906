"""The results as pictures: ranks, calibration, and crops to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # files alone: there may be no display

from matplotlib import pyplot as plt

from training.evaluation.calibration import SPREADS, Calibration
from training.evaluation.results import Results
from training.evaluation.scores import CROP, Closeness, Spot
from training.evaluation.sets import Example, examples
from training.evaluation.subjects import Bicubic, Subject
from training.features.degradation import Picture
from training.measures import SHAVED

DPI = 120

FEWEST = 100
"""Pixels of one spread below which their mean error is mostly chance, and is not drawn."""

ROWS = 6
"""Pictures in a grid of crops, each with its one best or worst crop."""


def ranks(results: Results, path: Path) -> None:
    """The subjects' mean ranks, and what each gains over bicubic on each set."""
    means = sorted(results.mean_ranks().items(), key=lambda item: -item[1])
    _, (left, right) = plt.subplots(
        1, 2, figsize=(11, 1.5 + 0.35 * max(len(means), len(results.with_truth))), dpi=DPI
    )
    left.barh([name for name, _ in means], [rank for _, rank in means], color="0.6")
    left.set_xlabel("mean rank of PSNR on Y (1 is best)")
    names = [pictures.name for pictures in results.with_truth][::-1]
    for subject in results.subjects:
        if subject != Bicubic.name:
            gains = [
                float(np.mean(list(results.gains(subject, pictures).values())))
                for pictures in results.with_truth[::-1]
            ]
            right.plot(gains, names, "o", label=subject)
    right.axvline(0, color="0.3", linewidth=1)
    right.set_xlabel("mean gain in PSNR on Y over bicubic, dB")
    right.grid(axis="x", alpha=0.3)
    right.legend()
    _save(path)


def calibration(named: dict[str, Calibration], path: Path) -> None:
    """Mean absolute error over spread, one line for each name."""
    _, axes = plt.subplots(figsize=(7, 5), dpi=DPI)
    for name, known in named.items():
        enough = known.pixels >= FEWEST
        label = f"{name}: Pearson {known.pearson:.2f}, Spearman {known.spearman:.2f}"
        axes.plot(SPREADS[enough], known.mean_error[enough], label=label)
    end = axes.get_xlim()[1]
    # The mean distance from the middle of a normal distribution of deviation 1.
    axes.plot(
        [0, end], [0, end * np.sqrt(2 / np.pi)], "k--", label="if only chance divided the members"
    )
    axes.set_xlabel("spread, grey levels")
    axes.set_ylabel("mean absolute error of luma, grey levels")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    _save(path)


@dataclass(frozen=True)
class Crop:
    """A spot in a picture."""

    example: Example
    spot: Spot


def best(results: Results, subject: str) -> list[Crop]:
    """The crops where the subject gains most over bicubic, one a picture."""
    return _crops(results, subject, lambda near: near.best)[::-1][:ROWS]


def worst(results: Results, subject: str) -> list[Crop]:
    """The crops where it gains least."""
    return _crops(results, subject, lambda near: near.worst)[:ROWS]


def _crops(results: Results, subject: str, wanted: Callable[[Closeness], Spot]) -> list[Crop]:
    """From the least gain to the largest."""
    scores = results.scores[subject]
    found = [
        Crop(example, wanted(near))
        for example in examples(results.with_truth)
        if (near := scores[example].closeness)
    ]
    return sorted(found, key=lambda crop: crop.spot.gain)


def grid(crops: Sequence[Crop], subjects: Sequence[Subject], path: Path) -> None:
    """A row for each crop: the truth, and what each subject made."""
    columns = len(subjects) + 1
    _, axes = plt.subplots(
        len(crops), columns, figsize=(2 * columns, 2.2 * len(crops)), dpi=DPI, squeeze=False
    )
    for row, crop in zip(axes, crops, strict=True):
        assert crop.example.truth is not None
        made = {subject.name: subject.double(crop.example.half) for subject in subjects}
        for axis, (name, picture) in zip(
            row, {"truth": crop.example.truth, **made}.items(), strict=True
        ):
            axis.imshow(_cut(picture, crop.spot), interpolation="nearest")
            axis.set_title(name, fontsize="small")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(f"{crop.example.name}\n{crop.spot.gain:+.1f} levels", fontsize="small")
    _save(path)


def _cut(picture: Picture, spot: Spot) -> Picture:
    top, left = spot.top + SHAVED, spot.left + SHAVED
    return picture[top : top + CROP, left : left + CROP]


def _save(path: Path) -> None:
    plt.tight_layout()
    plt.savefig(path)
    plt.close()
