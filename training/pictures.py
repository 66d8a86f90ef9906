"""The training pictures: read from a folder, divided by content, cut into crops.

The division is a pure function of a file's bytes, so it survives renaming and added pictures:
the first hex digit of the SHA-256 names one of 16 disjoint parts (the original project's rule,
applied to the content), a second digit of 0 holds the picture out for validation.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import DoubletError
from training.degradation import Degradation, Picture, resized

PARTS = 16


@dataclass(frozen=True)
class Source:
    """A picture's file, and where its content puts it."""

    path: Path
    digest: str

    @property
    def part(self) -> int:
        return int(self.digest[0], 16)

    @property
    def held_out(self) -> bool:
        return self.digest[1] in "01"


@dataclass(frozen=True)
class Pair:
    """A picture and its half: uint8 [2h, 2w, 3] and [h, w, 3]."""

    name: str
    full: Picture
    half: Picture
    grey: bool = False
    """Whether the file was greyscale, which is measured differently."""


def sources(folder: Path) -> list[Source]:
    """Every PNG in the folder, in the order of its hash."""
    found = [Source(p, hashlib.sha256(p.read_bytes()).hexdigest()) for p in folder.glob("*.png")]
    return sorted(found, key=lambda source: source.digest)


def part(folder: Path, number: int) -> list[Source]:
    """What member `number` (0..15) may learn from.

    Raises:
        DoubletError: there is nothing.
    """
    found = [s for s in sources(folder) if s.part == number and not s.held_out]
    if not found:
        raise DoubletError(f"{folder} has no PNG for member {number:x}: it needs more pictures")
    return found


def validation(folder: Path) -> list[Source]:
    """What settings and checkpoints are chosen by; no network learns from it."""
    return [s for s in sources(folder) if s.digest[1] == "0"]


def decoded(path: Path) -> Picture:
    """A picture file as uint8 [h, w, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read(source: Source) -> Pair:
    """Decode a picture, cut it to even sides and halve it."""
    full = decoded(source.path)
    full = full[: full.shape[0] // 2 * 2, : full.shape[1] // 2 * 2]
    return Pair(source.path.stem, full, resized(full, 0.5))


Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Crops:
    """Random crops of some pairs: degraded halves [n, s, s, 3] with wholes [n, 2s, 2s, 3].

    Grey levels 0..255 as float32. Batch k depends only on (seed, k), so that a run that was
    killed goes on with the batches it would have seen.
    """

    pairs: list[Pair]
    size: int
    batch: int
    seed: int
    degradation: Degradation = field(default_factory=Degradation)

    def __post_init__(self) -> None:
        small = [pair.name for pair in self.pairs if min(pair.half.shape[:2]) < self.size]
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
            yield np.stack(halves).astype(np.float32), np.stack(wholes).astype(np.float32)
            step += 1

    def _crop(self, chance: np.random.Generator) -> tuple[Picture, Picture]:
        areas = np.array([pair.half.shape[0] * pair.half.shape[1] for pair in self.pairs])
        pair = self.pairs[chance.choice(len(areas), p=areas / areas.sum())]
        y, x = (int(chance.integers(side - self.size + 1)) for side in pair.half.shape[:2])
        half = pair.half[y : y + self.size, x : x + self.size]
        whole = pair.full[2 * y : 2 * (y + self.size), 2 * x : 2 * (x + self.size)]
        turns, flip = int(chance.integers(4)), bool(chance.integers(2))
        half, whole = np.rot90(half, turns), np.rot90(whole, turns)
        if flip:
            half, whole = half[:, ::-1], whole[:, ::-1]
        return self.degradation(half, chance), whole
