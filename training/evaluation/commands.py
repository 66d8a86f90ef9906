"""`doublet evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from training.quiet import import_tensorflow


def _white(value: int | None) -> int | None:
    if value not in (None, 1, 255):
        raise typer.BadParameter("white is 1 or 255")
    return value


def evaluate(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders with HR/ and LR_x2/, or of pictures, which are halved for this.",
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Version folder of a SavedModel, or a .keras file; may be repeated."),
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(help="Command line of a program, with {input} and {output}; may be repeated."),
    ] = None,
    white: Annotated[
        int | None,
        typer.Option(
            callback=_white, help="White of .keras files of none of our architectures: 1 or 255."
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(help="Training folder whose held-out pictures are measured, too."),
    ] = None,
    without_truth: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of pictures to double as they are; may be repeated."),
    ] = None,
    jpeg: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=100,
            help="Every set again, its inputs through JPEG of this quality; may be repeated.",
        ),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(help="Checkpoints whose average is measured beside its members."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Folder for report.md, scores.csv, and the plots and crops."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card whose evaluation is replaced.")
    ] = None,
) -> None:
    """Measure whatever doubles pictures, beside bicubic and Lanczos, and what it costs."""
    import_tensorflow()
    from training.evaluation.model_card import replace_evaluation
    from training.evaluation.report import report
    from training.evaluation.running import evaluated, openers, sets, write

    found = sets(folders or [], held_out, without_truth or [], jpeg or [])
    subjects = openers(model or [], command or [], white)
    results, opened = evaluated(subjects, found, members)
    text = report(results)
    typer.echo(text)
    if into is not None:
        write(results, opened, text, into)
    if card is not None:
        replace_evaluation(card, text)
