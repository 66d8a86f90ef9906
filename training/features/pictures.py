"""The pictures that a member learns from, from a folder of files or of shards alike."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.errors import DoubletError
from training.features.degradation import Picture, resized
from training.features.shards import is_sharded, records
from training.features.sources import Source, files


@dataclass(frozen=True)
class Pair:
    """A picture and its half: uint8 [2h, 2w, 3] and [h, w, 3]."""

    name: str
    full: Picture
    given: Picture | None = None
    """Its half, where somebody else made it; otherwise it is made when it is asked for."""
    grey: bool = False
    """Whether the file was greyscale, which is measured differently."""
    answer: Picture | None = None
    """A teacher's, uint8 [2h, 2w, 3]: what is learnt is the mean of it and the whole."""

    @cached_property
    def half(self) -> Picture:
        return resized(self.full, 0.5) if self.given is None else self.given


def sources(folder: Path) -> list[Source]:
    """Every picture of a folder of pictures, or of the shards that `doublet features` wrote."""
    return [*records(folder)] if is_sharded(folder) else files(folder)


def part(folder: Path, number: int) -> list[Source]:
    """What member `number` (0..15) may learn from.

    Raises:
        DoubletError: there is nothing.
    """
    found = _group(folder, f"part-{number:x}")
    if not found:
        raise DoubletError(f"{folder} has no picture for member {number:x}: it needs more of them")
    return found


def validation(folder: Path) -> list[Source]:
    """What settings are chosen by: no member learns from it."""
    return _group(folder, "validation")


def test(folder: Path) -> list[Source]:
    """What is only ever reported: nothing is learnt from it or chosen by it."""
    return _group(folder, "test")


def _group(folder: Path, group: str) -> list[Source]:
    if is_sharded(folder):
        return [*records(folder, group)]
    return [source for source in files(folder) if source.group == group]


def read(source: Source) -> Pair:
    """A picture with its half. From a file it is decoded; from a shard it is mapped.

    Raises:
        DoubletError: it cannot be.
    """
    return Pair(Path(source.name or source.path).stem, source.picture())
