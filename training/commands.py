"""The commands of training: fit the members, export the ensemble, evaluate what was exported."""

import string
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.commands import evaluate
from training.quiet import import_tensorflow

commands = typer.Typer()

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of PNGs.")]
Runs = Annotated[Path, typer.Option(help="Where the checkpoints are kept.")]


def _hex_digits(text: str) -> str:
    if not set(text) <= set(string.hexdigits):
        raise typer.BadParameter("give hex digits, such as 0123 or 89abcdef")
    return text


@commands.command()
def train(
    pictures: Folder,
    runs: Runs = Path("runs"),
    members: Annotated[
        str,
        typer.Option(
            callback=_hex_digits, help="The members to fit, by the hex digits of their parts."
        ),
    ] = "0123456789abcdef",
    steps: Annotated[int, typer.Option(min=2, help="Steps of each member, in all.")] = 9_000,
    every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 500,
) -> None:
    """Fit the ensemble's members, each on its own part of the pictures.

    Members take turns, so an even ensemble exists at any time. Run it again to go on from the
    last checkpoints. On a CPU, one process a core is fastest, each with TF_NUM_INTRAOP_THREADS=1
    and its own --members.
    """
    import_tensorflow()
    from training.fitting import Fitting, Recipe, take_turns
    from training.pictures import part, read, validation

    runs.mkdir(parents=True, exist_ok=True)
    fittings = [
        Fitting(number, [read(s) for s in part(pictures, number)], Recipe(steps=steps), runs)
        for number in (int(digit, 16) for digit in members)
    ]
    held_out = [read(source) for source in validation(pictures)]
    for turn in take_turns(fittings, held_out, every):
        typer.echo(
            f"member {turn.member:x}, step {turn.step:,} of {steps:,}: "
            f"loss {turn.loss:.3f}, held out {turn.psnr:.3f} dB"
        )


@commands.command()
def export(
    data: Annotated[str, typer.Option(help="Training data, in the model card's words.")],
    runs: Runs = Path("runs"),
    into: Annotated[Path, typer.Option(help="The numbered version folder; it is replaced.")] = Path(
        "serving/models/doublet/1"
    ),
) -> None:
    """Export the sixteen members as one SavedModel that TensorFlow Serving loads."""
    import_tensorflow()
    from training.compact import radius
    from training.export import Card, trained_members, write

    networks, day = trained_members(runs)
    card = Card(
        members=len(networks),
        parameters=sum(network.count_params() for network in networks),
        radius=radius(),
        training_data=data,
        trained=day,
        commit=_commit(),
    )
    write(networks, card, into)
    typer.echo(f"{into}: {card.members} members, {card.parameters:,} parameters")


commands.command()(evaluate)


def _commit() -> str:
    """The last commit of the training code; empty where there is no checkout of it."""
    room = Path(__file__).parent
    command = ["git", "-C", str(room), "log", "-1", "--format=%h", "--", "."]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
