"""The crops that a member learns from: cut, augmented, halved, turned and damaged."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infra.errors import DoubletError
from training.features.augmentation import Augmentation
from training.features.degradation import Degradation, Picture
from training.features.pictures import Pair

Levels = npt.NDArray[np.float32]

Batch = tuple[Levels, Levels]

MARGIN = 2
"""Pixels of the half beyond a crop: four of the whole, as far as antialiased halving looks."""


@dataclass(frozen=True)
class Crops:
    """Random crops of some pairs: degraded halves [n, s, s, 3] with wholes [n, 2s, 2s, 3].

    Grey levels 0..255 as float32. Batch k depends only on (seed, k), so that a run that was
    killed goes on with the batches it would have seen.
    """

    pairs: Sequence[Pair]
    size: int
    batch: int
    seed: int
    degradation: Degradation = field(default_factory=Degradation)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        small = [pair.name for pair in self.pairs if min(pair.full.shape[:2]) < 2 * self.size]
        if small:
            raise DoubletError(
                f"{', '.join(small)}: too small for crops of {2 * self.size} px, take them away"
            )

    @property
    def pictures(self) -> int:
        return len(self.pairs)

    def after(self, step: int) -> Iterator[Batch]:
        while True:
            chance = np.random.default_rng((self.seed, step))
            crops = [self._crop(chance) for _ in range(self.batch)]
            halves, wholes = zip(*crops, strict=True)
            yield np.stack(halves).astype(np.float32), np.stack(wholes)
            step += 1

    @cached_property
    def _areas(self) -> npt.NDArray[np.int64]:
        """Running sum of the pictures' pixels: larger pictures are cut more often."""
        return np.cumsum([pair.full.shape[0] * pair.full.shape[1] for pair in self.pairs])

    def _crop(self, chance: np.random.Generator) -> tuple[Picture, Levels]:
        pixel = chance.integers(self._areas[-1])
        pair = self.pairs[int(np.searchsorted(self._areas, pixel, "right"))]
        whole, answer = self._cut(pair, chance)
        twin = copy.deepcopy(chance) if answer is not None else chance
        whole = self.augmentation(whole, chance)
        half = self.degradation.halved(whole)
        learnt = whole.astype(np.float32)
        if answer is not None:
            learnt += self.augmentation(answer, twin)
            learnt /= 2
        inside, inside_whole = slice(MARGIN, -MARGIN), slice(2 * MARGIN, -2 * MARGIN)
        return (
            self.degradation(half[inside, inside], chance),
            learnt[inside_whole, inside_whole],
        )

    def _cut(self, pair: Pair, chance: np.random.Generator) -> tuple[Picture, Picture | None]:
        """A place of the picture, and of the teacher's answer, with margins."""
        height, width = pair.full.shape[:2]
        side = 2 * (self.size + 2 * MARGIN)
        place = side
        if pair.answer is None:  # an answer is one to the picture's own half, at no other size
            place = self.augmentation.place(side, min(height, width), chance)
        if place > side:
            y, x = (int(chance.integers(length - place + 1)) for length in (height, width))
            cut = pair.full[y : y + place, x : x + place]
            return self.augmentation.reduced(cut, side), None
        y, x = (int(chance.integers(length // 2 - self.size + 1)) for length in (height, width))
        answer = None if pair.answer is None else self._region(pair.answer, y, x)
        return self._region(pair.full, y, x), answer

    def _region(self, full: Picture, y: int, x: int) -> Picture:
        """The whole of the half at (y, x), with all that its halving looks at; edges repeated.

        So the crop's half is that of the picture's half, without that the picture is halved.
        """
        spans = [(2 * (at - MARGIN), 2 * (at + self.size + MARGIN)) for at in (y, x)]
        inside = tuple(slice(max(start, 0), stop) for start, stop in spans)
        missing = [
            (max(-start, 0), max(stop - side, 0))
            for (start, stop), side in zip(spans, full.shape, strict=False)
        ]
        return np.pad(full[inside], [*missing, (0, 0)], mode="edge")
