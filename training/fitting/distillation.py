"""What the quick network learns from: the truth, and the ensemble's answer to the clean half.

Hinton et al. 2015, https://arxiv.org/abs/1503.02531: a teacher's answer has less noise in it than
the truth, of which no network can know every grain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from training.compact import mean
from training.features.degradation import Picture, resized, rounded
from training.features.pictures import Pair
from training.fitting.members import networks

SHARES = (1.0, 0.75, 0.5)
"""Of a picture's sides, at which it is learnt: what `Augmentation.reduction` is to members."""


class Answers:
    """What the ensemble makes of halves, kept in a folder because it takes long."""

    def __init__(self, members: Sequence[Path], folder: Path) -> None:
        """`members` are checkpoints."""
        self._members, self._folder = members, folder

    def to(self, pair: Pair) -> Picture:
        """uint8 [2h, 2w, 3].

        Raises:
            DoubletError: a member's checkpoint is missing.
        """
        file = self._folder / f"{pair.name}.png"
        if not file.exists():
            levels = self._ensemble.predict_on_batch(pair.half[None].astype(np.float32))
            _write(file, rounded(levels[0]))
        with Image.open(file) as image:
            return np.asarray(image)

    @cached_property
    def _ensemble(self) -> keras.Model:
        return mean(networks(self._members))


def taught(pairs: Sequence[Pair], answers: Answers, smallest: int) -> Iterator[Pair]:
    """The pairs at each of `SHARES`, with the ensemble's answer to each.

    Args:
        smallest: side of a half; a picture that would be smaller is not reduced so far.
    """
    for pair in pairs:
        for share in SHARES:
            made = _reduced(pair, share)
            if share == 1 or min(made.full.shape[:2]) >= 2 * smallest:
                yield replace(made, answer=answers.to(made))


def _reduced(pair: Pair, share: float) -> Pair:
    """Its sides even, as a half needs them."""
    if share == 1:
        return pair
    full = resized(pair.full, share)
    height, width = (side - side % 2 for side in full.shape[:2])
    return Pair(f"{pair.name} at {share:.0%}", full[:height, :width], grey=pair.grey)


def _write(file: Path, picture: Picture) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".partial")
    Image.fromarray(picture).save(unfinished, "PNG", compress_level=1)
    unfinished.rename(file)
