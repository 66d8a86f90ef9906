"""One evaluation, from what was asked for to the results and their files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from infra.errors import DoubletError
from training.evaluation import plots
from training.evaluation.averaging import Averaging, averaging, stored_members
from training.evaluation.cost import cost, matrix_speed
from training.evaluation.keras_file import KerasFile
from training.evaluation.report import write_scores
from training.evaluation.results import Results
from training.evaluation.saved_model import SavedModel
from training.evaluation.scores import scores
from training.evaluation.sets import PictureSet, as_they_are, examples, held_out, with_truth
from training.evaluation.skies import synthetic_skies
from training.evaluation.stars import star_scores
from training.evaluation.subjects import Bicubic, Command, Lanczos, Opener, Subject
from training.processor import computes_in_bfloat16

NO_BFLOAT16 = (
    "bfloat16 (`--mixed_precision=bfloat16`): not measured, this processor would emulate it."
)


def openers(models: Sequence[Path], commands: Sequence[str], white: float | None) -> list[Opener]:
    """The two plain upscales, and what was named; a SavedModel in bfloat16, too, where it pays."""
    found: list[Opener] = [Bicubic, Lanczos]
    for path in models:
        if path.is_dir():
            found.append(partial(SavedModel, path))
            if computes_in_bfloat16():
                found.append(partial(SavedModel, path, "bfloat16"))
        elif path.suffix == ".keras":
            found.append(partial(KerasFile, path, white))
        else:
            raise DoubletError(f"{path} is neither the folder of a SavedModel nor a .keras file")
    return found + [partial(Command, template) for template in commands]


def sets(
    folders: Sequence[Path], training: Path | None, without_truth: Sequence[Path], jpeg: list[int]
) -> list[PictureSet]:
    """All that is evaluated on: those with a truth also through JPEG of each quality.

    Raises:
        DoubletError: nothing was named, or a folder is not as it must be.
    """
    clean = [with_truth(folder) for folder in folders]
    if training is not None:
        clean.append(held_out(training))
    found = clean + [known.compressed(quality) for quality in jpeg for known in clean]
    if training is not None:
        found += [sky for known in found if (sky := known.of_the_sky()).examples]
    found += [as_they_are(folder) for folder in without_truth]
    if not found:
        raise DoubletError("there is nothing to evaluate on: name a folder of pictures")
    return found


def evaluated(
    given: Sequence[Opener], pictures: list[PictureSet], runs: Path | None
) -> tuple[Results, list[Subject]]:
    """Measure all of it.

    Returns:
        the results, and the subjects, opened.

    Raises:
        DoubletError: a subject cannot be opened or cannot double, or two have one name.
    """
    subjects = [opener() for opener in given]
    names = [subject.name for subject in subjects]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DoubletError(f"two subjects are called {', '.join(twice)}: rename one")
    known = examples(pictures)
    results = Results(
        sets=pictures,
        scores={subject.name: scores(subject, known) for subject in subjects},
        costs={name: cost(opener) for name, opener in zip(names, given, strict=True)},
        stars=[score for sky in skies(pictures) for score in star_scores(subjects, sky)],
        averagings=averagings(runs, pictures) if runs else [],
        notes=notes(subjects),
    )
    return results, subjects


def skies(pictures: Sequence[PictureSet]) -> list[PictureSet]:
    """Synthetic ones, and the pictures of the sky as they are."""
    real = (known.of_the_sky() for known in pictures if ", " not in known.name)
    return [*synthetic_skies(), *(sky for sky in real if sky.examples)]


def averagings(runs: Path, pictures: Sequence[PictureSet]) -> list[Averaging]:
    members = stored_members(runs)
    return [
        averaging(members, known)
        for known in pictures
        if all(example.truth is not None for example in known.examples)
    ]


def notes(subjects: Sequence[Subject]) -> list[str]:
    """What the SavedModels say of themselves, and what of this processor bounds their cost."""
    models = [subject for subject in subjects if isinstance(subject, SavedModel)]
    said = [
        f"{model.name}: {model.card['members']} members, {model.card['parameters']:,} parameters, "
        f"trained until {model.card['trained']} from commit {model.card['commit']}."
        for model in models
    ]
    if models:
        said.append(f"Matrices of float32: {matrix_speed() / 1e9:.0f} GFLOP in a CPU second here.")
    return said + ([NO_BFLOAT16] if models and not computes_in_bfloat16() else [])


def write(results: Results, subjects: Sequence[Subject], text: str, into: Path) -> None:
    """The report, every score, and the plots; of crops, those of the first that is no baseline."""
    into.mkdir(parents=True, exist_ok=True)
    (into / "report.md").write_text(f"{text}\n", encoding="utf-8")
    write_scores(results, into / "scores.csv")
    if not results.with_truth:
        return
    plots.ranks(results, into / "ranks.png")
    leading = subjects[min(2, len(subjects) - 1)].name
    plots.grid(plots.best(results, leading), subjects, into / "best.png")
    plots.grid(plots.worst(results, leading), subjects, into / "worst.png")
    calibrations = {
        f"{subject}, {known.name}": calibration
        for known in results.with_truth
        for subject in results.subjects
        if (calibration := results.calibration(subject, known))
    }
    if calibrations:
        plots.calibration(calibrations, into / "calibration.png")
