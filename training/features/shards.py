"""Shards: many decoded pictures in one file that is mapped into memory, never read as a whole.

`part-3-00002.rgb` holds its pictures' pixels one after the other, as uint8 [h, w, 3], and
`part-3-00002.json` says of each where it starts, its size, name, hashes, licence and author. Any
language reads that, a crop costs the pages it lies on, and no decoder runs while a member learns.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from infra.errors import DoubletError
from training.features.degradation import Picture
from training.features.sources import Source

PLAN = "plan.json"
"""What a folder of shards is made from: written first, so it is how one is recognised."""

INDEX = "index.json"
"""Which shards there are: written last, so a folder without it is unfinished."""


@dataclass(frozen=True)
class Entry:
    """One picture of a shard, as its JSON has it."""

    name: str
    digest: str
    """The hex digits that put it into its part."""
    sha256: str
    """Of its size and decoded pixels: equal pictures have equal ones, however they are encoded."""
    height: int
    width: int
    offset: int
    """Where its pixels start in the shard, in bytes."""
    mean: tuple[float, float, float]
    """Mean levels of red, green and blue."""
    licence: str
    author: str


@dataclass
class Contents:
    """What became of the sources of one shard: each is in one of the three lists."""

    pictures: list[Entry] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    """Names: of what was left out, and of its equal."""
    bad: list[tuple[str, str]] = field(default_factory=list)
    """Names and reasons."""

    @property
    def taken(self) -> int:
        """How many sources."""
        return len(self.pictures) + len(self.duplicates) + len(self.bad)


class Shard:
    """A shard on disk. Its JSON is renamed into place last: where it is, the shard is finished."""

    def __init__(self, folder: Path, group: str, number: int) -> None:
        self.group = group
        self.pixels = folder / f"{group}-{number:05}.rgb"
        self._contents = self.pixels.with_suffix(".json")

    @property
    def finished(self) -> bool:
        return self._contents.exists()

    def contents(self) -> Contents:
        """What its JSON says.

        Raises:
            DoubletError: that is broken.
        """
        try:
            stored: dict[str, Any] = json.loads(self._contents.read_text(encoding="utf-8"))
            return Contents(
                [Entry(**entry | {"mean": tuple(entry["mean"])}) for entry in stored["pictures"]],
                [(name, equal) for name, equal in stored["duplicates"]],
                [(name, reason) for name, reason in stored["bad"]],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DoubletError(f"{self._contents} is broken: delete its folder") from error

    def finish(self, contents: Contents) -> None:
        """Once the pixels are in place."""
        write(self._contents, as_json(asdict(contents)))


@dataclass(frozen=True)
class Record(Source):
    """A picture in a shard; `path` is the shard's pixels."""

    height: int = 0
    width: int = 0
    offset: int = 0

    def picture(self) -> Picture:
        """uint8 [2h, 2w, 3], mapped: only what is looked at is read.

        Raises:
            DoubletError: the shard is not whole.
        """
        size = self.height * self.width * 3
        pixels = _mapped(self.path)[self.offset : self.offset + size]
        if len(pixels) < size:
            raise DoubletError(f"{self.path} is cut short: delete its folder, make it anew")
        return pixels.reshape(self.height, self.width, 3)


@lru_cache(maxsize=4096)  # of the 65,530 mappings that Linux lets a process have
def _mapped(path: Path) -> Picture:
    try:
        return np.asarray(np.memmap(path, np.uint8, mode="r"))
    except (OSError, ValueError) as error:  # absent, or empty
        raise DoubletError(f"{path} cannot be read: delete its folder, make it anew") from error


def is_sharded(folder: Path) -> bool:
    return (folder / PLAN).exists()


def records(folder: Path, group: str | None = None) -> list[Record]:
    """The pictures of a folder of shards, all of them or one group's, in the order of its shards.

    Raises:
        DoubletError: the folder is unfinished or broken.
    """
    counts = _index(folder)
    chosen = counts if group is None else {group: counts.get(group, 0)}
    return [
        Record(
            shard.pixels,
            entry.digest,
            entry.name,
            licence=entry.licence,
            author=entry.author,
            height=entry.height,
            width=entry.width,
            offset=entry.offset,
        )
        for shard, entry in entries(folder, chosen)
    ]


def entries(folder: Path, counts: Mapping[str, int]) -> Iterator[tuple[Shard, Entry]]:
    """Every picture with its shard, for so many shards of each group."""
    for group, count in counts.items():
        for number in range(count):
            shard = Shard(folder, group, number)
            for entry in shard.contents().pictures:
                yield shard, entry


def _index(folder: Path) -> dict[str, int]:
    """How many shards each group has."""
    try:
        stored = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {str(group): int(count) for group, count in stored["shards"].items()}
    except FileNotFoundError as error:
        raise DoubletError(f"{folder} is unfinished: run doublet features again") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DoubletError(f"{folder / INDEX} is broken: run doublet features again") from error


def as_json(content: object) -> str:
    return json.dumps(content, indent=1) + "\n"


def write(path: Path, content: str | bytes) -> None:
    """All of it or nothing, even if the machine stops in between; text as UTF-8."""
    unfinished = path.with_name(f"{path.name}.partial")
    with unfinished.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
