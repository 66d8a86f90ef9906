"""`doublet train` and `doublet scoreboard`."""

import string
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import DoubletError
from training import scoreboard
from training.fitting.order import Order, fit
from training.workers import RayAddress, ray_workers

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
            help="For member and original: which, by the hex digits of their parts.",
        ),
    ] = "0123456789abcdef",
    together: Annotated[
        bool, typer.Option(help="For member: all in one vectorised step, for a GPU.")
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
    ray: RayAddress = None,
) -> None:
    """Fit networks by one of the recipes.

    Run it again to go on from the last checkpoints: a kill costs the steps since then. Members
    take turns, so an even ensemble exists at any time. KERAS_BACKEND chooses tensorflow, jax or
    torch. With --ray, members are fitted beside each other, each by a worker, with the same
    outcome; the folders must be seen by all machines.
    """
    order = Order(
        recipe=recipe,
        pictures=pictures,
        runs=runs,
        numbers=tuple(sorted({int(digit, 16) for digit in members})),
        together=together,
        architecture=architecture,
        steps=steps,
        every=every,
        scoreboard=board,
    )
    if ray is None:
        fit(order)
        return
    with ray_workers(ray) as workers:
        for _ in workers.executor.map(fit, order.apart()):
            pass  # each has written down what came of it


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
