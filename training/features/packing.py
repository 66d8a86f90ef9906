"""Packing pictures into shards: each once, in an order that the pictures alone decide.

Groups are packed one after the other, their pictures in the order of their digits. A killed run
leaves finished shards, and what follows depends on nothing but them, so the next run goes on
behind the last one and ends with the same bytes.
"""

import csv
import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from infra.errors import DoubletError
from training.features.degradation import Picture
from training.features.shards import INDEX, PLAN, Contents, Entry, Shard, as_json, write
from training.features.sources import Source, Unfit, even, examined
from training.features.statistics import describe
from training.workers import Workers

FORMAT = 1
"""Of the shards: a run does not go on with a folder of another one."""

AHEAD = 2
"""Pictures that are decoded at a time, for each worker."""


@dataclass(frozen=True)
class Packing:
    """What goes into a shard."""

    mebibytes: int = 256
    """A shard is closed once it is as large: a few seconds of work, which a kill may cost."""
    smallest: int = 96
    """Least height and width, in pixels: the side of the crops that members are fitted on."""


@dataclass
class Outcome:
    """What became of all sources."""

    shards: dict[str, int] = field(default_factory=dict)
    """How many, by group."""
    pictures: int = 0
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    """Names: of what was left out, and of its equal."""
    bad: list[tuple[str, str]] = field(default_factory=list)
    """Names and reasons."""

    def add(self, group: str, contents: Contents) -> None:
        self.shards[group] = self.shards.get(group, 0) + 1
        self.pictures += len(contents.pictures)
        self.duplicates += contents.duplicates
        self.bad += contents.bad


def pack(
    sources: Sequence[Source],
    into: Path,
    packing: Packing,
    advance: Callable[[int], object],
    workers: Workers | None = None,
) -> Outcome:
    """Pack all sources into a folder, or go on where the last run was stopped.

    Args:
        advance: told how many more sources are done.
        workers: who decode; None: threads, for Pillow releases Python's lock.

    Raises:
        DoubletError: the folder holds something else, cannot be written, or another run is at it.
    """
    ordered = sorted(sources, key=lambda source: (source.group, source.digest, source.name))
    outcome = Outcome()
    try:
        with _alone(into), ThreadPoolExecutor() as threads:
            _claim(into, ordered, packing)
            hands = workers or Workers(threads, os.cpu_count() or 1)
            packer = _Packer(into, packing, advance, hands)
            for group, members in groupby(ordered, key=lambda source: source.group):
                for contents in packer.packed(group, list(members)):
                    outcome.add(group, contents)
            _conclude(into, outcome)
    except OSError as error:
        raise DoubletError(f"{into} cannot be written: {error.strerror}") from error
    return outcome


@contextmanager
def _alone(into: Path) -> Iterator[None]:
    """Make the folder, and lock it itself: the lock needs no file, and goes with the process."""
    into.mkdir(parents=True, exist_ok=True)
    folder = os.open(into, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DoubletError(
                f"another doublet features is packing into {into}: wait for its end, or stop it"
            ) from error
        yield
    finally:
        os.close(folder)


def _claim(into: Path, sources: list[Source], packing: Packing) -> None:
    """Make sure that the folder is of these sources and settings, or empty."""
    facts = hashlib.sha256()
    for source in sources:
        row = [source.name, source.digest, source.rotation, source.licence, source.author]
        facts.update(json.dumps(row).encode())
    plan = {"format": FORMAT, "packing": asdict(packing), "sources": facts.hexdigest()}
    path = into / PLAN
    if not path.exists():
        if any(file.suffix != ".partial" for file in into.iterdir()):
            raise DoubletError(f"{into} is not empty: give a new folder")
        write(path, as_json(plan))
    elif path.read_text(encoding="utf-8") != as_json(plan):
        raise DoubletError(
            f"{into} was begun with other pictures or settings: give a new folder, or delete it"
        )


class _Packer:
    """Writes shards, and remembers which pictures it has seen."""

    def __init__(
        self, into: Path, packing: Packing, advance: Callable[[int], object], workers: Workers
    ) -> None:
        self._into = into
        self._packing = packing
        self._advance = advance
        self._workers = workers
        self._seen: dict[str, str] = {}

    def packed(self, group: str, members: list[Source]) -> Iterator[Contents]:
        """The contents of a group's shards, the finished ones first."""
        number = done = 0
        while (shard := Shard(self._into, group, number)).finished:
            contents = shard.contents()
            self._seen |= {entry.sha256: entry.name for entry in contents.pictures}
            self._advance(contents.taken)
            yield contents
            number, done = number + 1, done + contents.taken
        pictures = self._pictures(members[done:])
        while done < len(members):
            contents = self._write(Shard(self._into, group, number), pictures)
            yield contents
            number, done = number + 1, done + contents.taken

    def _pictures(self, sources: list[Source]) -> Iterator[tuple[Source, Picture | Unfit]]:
        at_once = AHEAD * self._workers.count
        examine = partial(_examine, self._packing.smallest)
        for start in range(0, len(sources), at_once):
            window = sources[start : start + at_once]
            yield from zip(window, self._workers.executor.map(examine, window), strict=True)

    def _write(self, shard: Shard, pictures: Iterator[tuple[Source, Picture | Unfit]]) -> Contents:
        """Fill a shard from what is left; nothing of it counts before its JSON is in place."""
        contents = Contents()
        unfinished = shard.pixels.with_suffix(".partial")
        with unfinished.open("wb") as file:
            for source, picture in pictures:
                self._take(source, picture, contents, file)
                self._advance(1)
                if file.tell() >= self._packing.mebibytes * 2**20:
                    break
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, shard.pixels)
        shard.finish(contents)
        return contents

    def _take(
        self, source: Source, picture: Picture | Unfit, contents: Contents, file: BinaryIO
    ) -> None:
        if isinstance(picture, Unfit):
            contents.bad.append((source.name, str(picture)))
            return
        height, width, _ = picture.shape
        pixels = picture.tobytes()
        sha256 = hashlib.sha256(f"{height}x{width}:".encode() + pixels).hexdigest()
        if sha256 in self._seen:
            contents.duplicates.append((source.name, self._seen[sha256]))
            return
        self._seen[sha256] = source.name
        red, green, blue = (round(float(level), 2) for level in picture.mean(axis=(0, 1)))
        contents.pictures.append(
            Entry(
                name=source.name,
                digest=source.digest,
                sha256=sha256,
                height=height,
                width=width,
                offset=file.tell(),
                mean=(red, green, blue),
                licence=source.licence,
                author=source.author,
            )
        )
        file.write(pixels)


def _examine(smallest: int, source: Source) -> Picture | Unfit:
    try:
        picture = even(examined(source.path, source.rotation))
    except Unfit as error:
        return error
    height, width, _ = picture.shape
    if min(height, width) < smallest:
        return Unfit(f"too small ({width}x{height})")
    return picture


def _conclude(into: Path, outcome: Outcome) -> None:
    """The lists for people, the statistics, and last the index, which says that all is there."""
    _write_table(into / "bad.tsv", ("picture", "reason"), outcome.bad)
    _write_table(into / "duplicates.tsv", ("picture", "equals"), outcome.duplicates)
    if outcome.pictures:
        describe(into, outcome.shards)
    index = {
        "shards": outcome.shards,
        "pictures": outcome.pictures,
        "duplicates": len(outcome.duplicates),
        "bad": len(outcome.bad),
    }
    write(into / INDEX, as_json(index))


def _write_table(path: Path, head: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, "excel-tab", lineterminator="\n").writerows([head, *rows])
    write(path, text.getvalue())
