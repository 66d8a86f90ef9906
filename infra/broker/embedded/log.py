"""The log of one partition: one append-only file of record batches.

The file is named after the first offset it still holds, as Kafka names its segments. A batch is
handed to the operating system before it is acknowledged, so `kill -9` of the broker loses nothing
acknowledged; as in Kafka's own default, it is the operating system that writes it to the disk.
"""

from __future__ import annotations

import logging
import os
import shutil
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

from kafka.errors import KafkaStorageError, OffsetOutOfRangeError

from infra.broker.embedded.batch import (
    HEADER_SIZE,
    Batch,
    accept,
    intact,
    stamped,
    timestamps,
)
from infra.broker.embedded.sequences import Sequences

SUFFIX = ".log"

logger = logging.getLogger(__name__)


class PartitionLog:
    """Record batches with their offsets, from `start` up to, but not including, `end`."""

    def __init__(self, folder: Path) -> None:
        """Open the log in `folder`, or begin one; a torn last batch is cut off."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._path = _newest_file(folder)
        self.start = int(self._path.stem)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        self._batches: list[Batch] = []
        self._positions: list[int] = []  # of each batch in the file, bytes
        self._last_offsets: list[int] = []  # of each batch: what a look-up bisects
        self._sequences = Sequences()
        self.size = 0
        self._recover()

    @property
    def end(self) -> int:
        """The offset that the next record gets: Kafka's log end offset and high watermark."""
        return self._last_offsets[-1] + 1 if self._last_offsets else self.start

    def append(self, data: bytes) -> int:
        """Store one batch as its producer sent it; returns the offset of its first record.

        A batch that an idempotent producer repeats is not stored again.

        Raises:
            CorruptRecordError, InvalidRecordError: see `batch.accept`.
            InvalidProducerEpochError, OutOfOrderSequenceNumberError: see `Sequences`.
            KafkaStorageError: it could not be written; the log is as before.
        """
        batch = accept(data)
        duplicate = self._sequences.find_duplicate(batch)
        if duplicate is not None:
            return duplicate.base_offset
        stored = replace(batch, base_offset=self.end)
        self._write(stamped(data, stored.base_offset))
        self._index(stored)
        return stored.base_offset

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool) -> bytes:
        """Whole batches from the one that holds `offset`; b"" at the end of the log.

        `at_least_one` lets the first batch exceed `max_bytes`, so that a reader is never stuck.

        Raises:
            OffsetOutOfRangeError: `offset` is before the start or past the end.
        """
        if not self.start <= offset <= self.end:
            raise OffsetOutOfRangeError(f"offset {offset} is not in {self.start}..{self.end}")
        first = bisect_left(self._last_offsets, offset)
        total = 0
        for index in range(first, len(self._batches)):
            size = self._batches[index].size
            if total + size > max_bytes and not (total == 0 and at_least_one):
                break
            total += size
        return os.pread(self._file, total, self._positions[first]) if total else b""

    def find_time(self, timestamp: int) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record at or after `timestamp` (ms), if any.

        Raises:
            UnsupportedCompressionTypeError: see `batch.timestamps`.
        """
        for index, batch in enumerate(self._batches):
            if batch.max_timestamp >= timestamp:
                for offset, at in timestamps(self._stored(index)):
                    if at >= timestamp and offset >= self.start:
                        return offset, at
        return None

    def find_latest_time(self) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record with the highest timestamp, if any."""
        if not self._batches:
            return None
        return self.find_time(max(batch.max_timestamp for batch in self._batches))

    def outdated_before(self, oldest: int | None, max_bytes: int | None) -> int:
        """The offset that retention would let the log start at.

        `oldest` is the lowest timestamp to keep (ms), `max_bytes` the size to keep; None is no
        limit.
        """
        start, left = self.start, self.size
        for batch in self._batches:
            too_old = oldest is not None and 0 <= batch.max_timestamp < oldest
            too_big = max_bytes is not None and left - batch.size >= max_bytes
            if not (too_old or too_big):
                break
            start, left = batch.last_offset + 1, left - batch.size
        return start

    def bytes_before(self, offset: int) -> int:
        """How much of the file holds only records before `offset`."""
        first = bisect_left(self._last_offsets, offset)
        return self._positions[first] if first < len(self._positions) else self.size

    def trim(self, start: int) -> None:
        """Let the log begin at `start`: what lies wholly before it is dropped from the disk.

        Raises:
            OffsetOutOfRangeError: `start` is past the end.
        """
        if start > self.end:
            raise OffsetOutOfRangeError(f"offset {start} is past the log's end, {self.end}")
        if start <= self.start:
            return
        dropped = bisect_left(self._last_offsets, start)
        cut = self.bytes_before(start)
        old, self._path = self._path, self.folder / f"{start:020d}{SUFFIX}"
        unfinished = self._path.with_suffix(".unfinished")
        with old.open("rb") as source, unfinished.open("wb") as target:
            source.seek(cut)
            shutil.copyfileobj(source, target, 1 << 20)
        unfinished.rename(self._path)
        old.unlink()
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR)
        self.start, self.size = start, self.size - cut
        del self._batches[:dropped], self._last_offsets[:dropped]
        self._positions = [position - cut for position in self._positions[dropped:]]

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)

    def _stored(self, index: int) -> bytes:
        return os.pread(self._file, self._batches[index].size, self._positions[index])

    def _write(self, data: bytearray) -> None:
        try:
            left = memoryview(data)
            written = 0
            while left[written:]:
                written += os.pwrite(self._file, left[written:], self.size + written)
        except OSError as error:
            os.ftruncate(self._file, self.size)
            raise KafkaStorageError(f"cannot write {self._path}: {error.strerror}") from error

    def _index(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._positions.append(self.size)
        self._last_offsets.append(batch.last_offset)
        self._sequences.remember(batch)
        self.size += batch.size

    def _recover(self) -> None:
        """Index what the file holds and cut it after its last whole batch.

        Batches are written one after the other, so `kill -9` can tear only the last: the headers
        of all are walked, and the CRC of the last is checked.
        """
        on_disk = os.fstat(self._file).st_size
        while on_disk - self.size >= HEADER_SIZE:
            batch = Batch.parse(os.pread(self._file, HEADER_SIZE, self.size))
            follows = batch.base_offset == self.end or not self._batches
            if not (batch.looks_whole and follows and self.size + batch.size <= on_disk):
                break
            is_last = self.size + batch.size + HEADER_SIZE > on_disk
            if is_last and not intact(os.pread(self._file, batch.size, self.size), batch):
                break
            self._index(batch)
        if on_disk > self.size:
            logger.warning(
                "%s: cut %d bytes of a torn batch, never acknowledged, after offset %d",
                self._path,
                on_disk - self.size,
                self.end,
            )
            os.ftruncate(self._file, self.size)


def _newest_file(folder: Path) -> Path:
    """The file that holds the log; leftovers of an interrupted `trim` are removed."""
    for unfinished in folder.glob("*.unfinished"):
        unfinished.unlink()
    *older, newest = sorted(folder.glob(f"*{SUFFIX}")) or [folder / f"{0:020d}{SUFFIX}"]
    for path in older:
        path.unlink()
    return newest
