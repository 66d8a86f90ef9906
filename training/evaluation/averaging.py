"""How much the average of the members gains over its members."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from infra.errors import DoubletError
from training.compact import member
from training.evaluation.sets import Example, PictureSet
from training.features.degradation import Picture, rounded
from training.fitting.members import ALL_PARTS, member_file, networks
from training.measures import psnr


@dataclass(frozen=True)
class Averaging:
    """Mean PSNR on Y over a set's pictures, in dB."""

    pictures: str
    members: int
    mean_member: float
    best_member: float
    """The one that is best over the whole set."""
    ensemble: float


def averaging(details: Sequence[keras.Model], pictures: PictureSet) -> Averaging:
    """Members, given as what each adds to bicubic, alone and averaged.

    Raises:
        DoubletError: the set has no picture whose truth is known.
    """
    members = [member(network) for network in details]
    rows = [
        _psnrs(members, example, example.truth)
        for example in pictures.examples
        if example.truth is not None
    ]
    if not rows:
        raise DoubletError(f"{pictures.name} has no truth to measure the members against")
    *alone, ensemble = np.mean(rows, axis=0)
    return Averaging(
        pictures.name, len(details), float(np.mean(alone)), float(max(alone)), float(ensemble)
    )


def _psnrs(members: Sequence[keras.Model], example: Example, truth: Picture) -> list[float]:
    """Of each member, and then of their mean."""
    given = example.half[None].astype(np.float32)
    levels = [keras.ops.convert_to_numpy(m(given, training=False))[0] for m in members]
    return [
        psnr(rounded(answer), truth, example.grey) for answer in (*levels, np.mean(levels, axis=0))
    ]


def stored_members(runs: Path) -> list[keras.Model]:
    """What the members of a runs folder add, with the best weights of their checkpoints.

    Raises:
        DoubletError: there are fewer than two, or one is of another shape.
    """
    files = [file for number in ALL_PARTS if (file := member_file(runs, "member", number)).exists()]
    if len(files) < 2:
        raise DoubletError(f"{runs} has fewer than two checkpoints named member-<hex digit>.npz")
    return networks(files)
