"""`doublet train` and `doublet scoreboard`."""

import string
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import DoubletError
from training import scoreboard
from training.quiet import import_tensorflow

commands = typer.Typer()

ScoreboardFile = Annotated[Path, typer.Option("--scoreboard", help="The CSV of every run.")]


def _hex_digits(text: str) -> str:
    if not set(text) <= set(string.hexdigits):
        raise typer.BadParameter("give hex digits, such as 0123 or 89abcdef")
    return text


@commands.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(help="One of those in docs/training.md, such as member, fast or study."),
    ],
    pictures: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    runs: Annotated[Path, typer.Option(help="Where checkpoints and curves are kept.")] = Path(
        "runs"
    ),
    members: Annotated[
        str,
        typer.Option(
            callback=_hex_digits,
            help="For member, further, teacher, original: which, by the hex digits of their parts.",
        ),
    ] = "0123456789abcdef",
    together: Annotated[
        bool, typer.Option(help="For member and teacher: all in one vectorised step, for a GPU.")
    ] = False,
    architecture: Annotated[
        str | None, typer.Option(help="For study: one of training/architectures.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=2, help="Steps in all, instead of the recipe's.")
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints, with an evaluation at each.")
    ] = 500,
    board: ScoreboardFile = scoreboard.SCOREBOARD,
) -> None:
    """Fit networks by one of the recipes.

    Run it again to go on from the last checkpoints: a kill costs the steps since then. Members
    take turns, so an even ensemble exists at any time. KERAS_BACKEND chooses tensorflow, jax or
    torch.
    """
    import_tensorflow()
    import keras

    from training.energy import meter
    from training.features.pictures import read, validation
    from training.fitting import plan
    from training.fitting.device import device
    from training.fitting.journal import Journal
    from training.fitting.progress import shown
    from training.fitting.recipe import recipe as find
    from training.fitting.turns import take_turns

    here = device()
    keras.config.set_dtype_policy(here.precision)
    wanted = find(recipe, steps, architecture)
    numbers = sorted({int(digit, 16) for digit in members})
    if recipe in ("member", "further", "teacher", "original"):
        order = recipe, wanted, pictures, runs, numbers
        fittings = [plan.all_together(*order)] if together else plan.one_for_each_part(*order)
    elif recipe == "fast":
        fittings = [plan.distilled(recipe, wanted, pictures, runs)]
    else:
        name = wanted.architecture if recipe == "study" else recipe
        fittings = [plan.one_of_all(name, wanted, pictures, runs)]
    held_out = [read(source) for source in validation(pictures)]
    joules = meter()
    journal = Journal(runs, board, here, joules, held_out)
    typer.echo(f"{here.name}, {here.backend}, {here.precision}; energy: {joules.source}")
    for fitting, turn in shown(take_turns(fittings, held_out, every, joules), fittings):
        journal.note(fitting, turn)


@commands.command(name="scoreboard")
def show(
    board: ScoreboardFile = scoreboard.SCOREBOARD,
    plot: Annotated[Path | None, typer.Option(help="A PNG to draw, too.")] = None,
) -> None:
    """Every run of `doublet train`, the best first, as a Markdown table."""
    rows = scoreboard.read(board)
    if not rows:
        raise DoubletError(f"{board} has no runs yet: `doublet train` writes it")
    typer.echo(scoreboard.markdown(rows))
    if plot is not None:
        scoreboard.plot(rows, plot)
