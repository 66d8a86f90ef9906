"""The checkpoints of members by their parts, and the networks that they hold."""

from collections.abc import Sequence
from pathlib import Path

import keras

from infra.errors import DoubletError
from training.compact import detail
from training.features.sources import PARTS
from training.fitting import checkpoint

ALL_PARTS = range(PARTS)


def member_name(recipe: str, number: int) -> str:
    """A member's fitting, by the hex digit of its part."""
    return f"{recipe}-{number:x}"


def member_file(runs: Path, recipe: str, number: int) -> Path:
    """The checkpoint of a member."""
    return checkpoint.path(runs, member_name(recipe, number))


def members_files(runs: Path) -> list[Path]:
    """The checkpoints of the ensemble's sixteen members.

    Raises:
        DoubletError: one has none.
    """
    files = [member_file(runs, "member", number) for number in ALL_PARTS]
    if missing := [file.name for file in files if not file.exists()]:
        raise DoubletError(f"{runs} lacks {', '.join(missing)}: run `doublet train member` first")
    return files


def networks(files: Sequence[Path]) -> list[keras.Model]:
    """What compact networks add, as `compact.detail`, with the best weights of their checkpoints.

    Raises:
        DoubletError: a checkpoint is missing, or holds a network of another shape.
    """
    return [_network(file) for file in files]


def _network(file: Path) -> keras.Model:
    network = detail()
    try:
        network.set_weights(checkpoint.weights(file, "best"))
    except ValueError as error:
        raise DoubletError(f"{file} holds no member of today's shape") from error
    return network
