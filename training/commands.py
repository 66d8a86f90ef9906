"""The commands of training: fit the members, export the ensemble, evaluate what was exported."""

import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import training.features.commands
import training.fitting.commands
from training.evaluation.commands import evaluate
from training.quiet import import_tensorflow

commands = typer.Typer()
for noun in (training.features, training.fitting):
    commands.add_typer(noun.commands.commands)


class Exported(StrEnum):
    """What can be exported."""

    ENSEMBLE = "ensemble"
    FAST = "fast"


FAST_FITTINGS = ("start", "fast")
"""What the quick network is fitted by, one after the other."""

Runs = Annotated[Path, typer.Option(help="Where the checkpoints are kept.")]


@commands.command()
def export(
    what: Annotated[
        Exported, typer.Argument(help="The sixteen members, or the one quick network.")
    ],
    into: Annotated[
        Path, typer.Argument(help="A numbered version folder: serving/models/doublet/4.")
    ],
    data: Annotated[str, typer.Option(help="Training data, in the model card's words.")],
    runs: Runs = Path("runs"),
) -> None:
    """Write a SavedModel that TensorFlow Serving loads, from the checkpoints' best weights.

    The curves of its fitting, as far as TensorBoard's files are there, are written beside it.
    """
    import_tensorflow()
    from serving.curves import write_curves
    from training.compact import radius
    from training.curves import collected
    from training.export import Card, trained_until, write
    from training.fitting import checkpoint
    from training.fitting.members import members_files, networks

    if what is Exported.FAST:
        files, fitted = [checkpoint.path(runs, "fast")], list(FAST_FITTINGS)
    else:
        files = members_files(runs)
        fitted = [file.stem for file in files]
    details = networks(files)
    card = Card(
        members=len(details),
        parameters=sum(network.count_params() for network in details),
        radius=radius(),
        training_data=data,
        trained=trained_until(files),
        commit=_commit(),
    )
    write(details, card, into)
    write_curves(collected(runs, fitted), into)
    typer.echo(f"{into}: {card.members} members, {card.parameters:,} parameters")


@commands.command()
def average(
    checkpoints: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Such as runs/original-0.npz.")
    ],
    into: Annotated[Path, typer.Option(help="The .keras file to write.")],
) -> None:
    """Write the mean of some networks as one Keras file, which `doublet evaluate` takes."""
    import_tensorflow()
    from training.averaged import averaged

    averaged(checkpoints).save(into)


commands.command()(evaluate)


def _commit() -> str:
    """The last commit of the training code; empty where there is no checkout of it."""
    room = Path(__file__).parent
    command = ["git", "-C", str(room), "log", "-1", "--format=%h", "--", "."]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
