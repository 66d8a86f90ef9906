"""The commands of training: fit the members, export the ensemble, evaluate what was exported."""

import os
import string
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from serving.embedded.hush import hushed

commands = typer.Typer()

Folder = Annotated[
    Path,
    typer.Argument(
        exists=True, file_okay=False, help="Folder of pictures, or what `features` made of one."
    ),
]
Runs = Annotated[Path, typer.Option(help="Where the checkpoints are kept.")]


def _hex_digits(text: str) -> str:
    if not set(text) <= set(string.hexdigits):
        raise typer.BadParameter("give hex digits, such as 0123 or 89abcdef")
    return text


@commands.command()
def features(
    sources: Annotated[
        list[Path],
        typer.Argument(exists=True, help="Folders of pictures, or CSVs of Open Images."),
    ],
    into: Annotated[Path, typer.Option(file_okay=False, help="The folder of shards.")],
    pictures: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Where a CSV's <ImageID>.jpg are."),
    ] = None,
    shard: Annotated[int, typer.Option(min=1, help="Size of a shard, in MiB.")] = 256,
    smallest: Annotated[int, typer.Option(min=2, help="Least width and height, in pixels.")] = 96,
) -> None:
    """Pack pictures into shards that members learn from: sixteen parts, validation and test.

    PNG, JPEG, WebP and TIFF are found in the folders and below. Equal pictures are packed once;
    what cannot be used is listed with its reason in bad.tsv. A run that was stopped is gone on
    with by the same command.

    \b
    Examples:
      doublet features photos --into shards
      doublet features train-images-boxable-with-rotation.csv --pictures train --into shards
    """
    from training.features.packing import Packing
    from training.features.reporting import gather, pack_visibly

    found = gather(sources, pictures, into)
    typer.echo(pack_visibly(found, into, Packing(shard, smallest)))


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
    _import_tensorflow()
    from training.features.pictures import part, read, validation
    from training.fitting import Fitting, Recipe, take_turns

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
    _import_tensorflow()
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


@commands.command()
def evaluate(
    model: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Version folder of a SavedModel.")
    ],
    benchmarks: Annotated[
        list[Path],
        typer.Argument(exists=True, file_okay=False, help="Folders with HR/ and LR_x2/."),
    ],
    held_out: Annotated[
        Path | None,
        typer.Option(help="Training folder whose held-out pictures are measured, too."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card whose evaluation is replaced.")
    ] = None,
) -> None:
    """Measure a SavedModel beside bicubic: PSNR and SSIM on Y, CPU seconds per megapixel."""
    _import_tensorflow()
    from training import evaluation
    from training.model_card import replace_evaluation

    sets = {folder.name: evaluation.benchmark(folder) for folder in benchmarks}
    if held_out is not None:
        sets["held out"] = evaluation.held_out(held_out)
    report = evaluation.report(model, sets)
    typer.echo(report)
    if card is not None:
        replace_evaluation(card, report)


def _commit() -> str:
    """The last commit of the training code; empty where there is no checkout of it."""
    room = Path(__file__).parent
    command = ["git", "-C", str(room), "log", "-1", "--format=%h", "--", "."]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _import_tensorflow() -> None:
    """Once, late and quietly: it takes seconds, and says what matters to nobody here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a missing GPU is not an error
    with hushed():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # the Session's loader is deprecated, and what we need
