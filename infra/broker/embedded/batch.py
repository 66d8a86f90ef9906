"""A record batch, known by its header alone.

Layout: Kafka's message format 2, https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kafka.errors import CorruptRecordError, InvalidRecordError, UnsupportedCompressionTypeError
from kafka.errors import UnsupportedCodecError as MissingCodecError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c

HEADER = DefaultRecordBatch.HEADER_STRUCT
HEADER_SIZE: int = HEADER.size
SIZE_OVERHEAD = 12  # the base offset (8) and the length field itself (4) are not counted in length
EPOCH_AT = 12
CHECKED_FROM = 21  # the CRC covers everything after itself: attributes to the end
MAGIC = 2
NO_PRODUCER = -1
LEADER_EPOCH = 0  # one node leads for ever, so the epoch never changes


@dataclass(frozen=True, slots=True)
class Batch:
    """What the broker needs to know of a batch; offsets count records, sizes bytes, times ms."""

    base_offset: int
    size: int
    magic: int
    crc: int
    last_offset_delta: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> Batch:
        """Read the header at the start of `data`; raises CorruptRecordError when it is cut off."""
        if len(data) < HEADER_SIZE:
            raise CorruptRecordError("the record batch is shorter than its header")
        (base, length, _, magic, crc, _, delta, _, latest, pid, epoch, sequence, count) = (
            HEADER.unpack_from(data)
        )
        size = length + SIZE_OVERHEAD
        return cls(base, size, magic, crc, delta, latest, pid, epoch, sequence, count)

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def last_sequence(self) -> int:
        """Sequence number of the last record; they wrap from 2^31 - 1 to 0."""
        return (self.base_sequence + self.last_offset_delta) & 0x7FFFFFFF

    @property
    def looks_whole(self) -> bool:
        """Whether the header is one that a whole batch can have."""
        return self.magic == MAGIC and self.size >= HEADER_SIZE and self.last_offset_delta >= 0


def accept(data: bytes) -> Batch:
    """Check a producer's batch as it came over the wire, and return its header.

    Raises:
        InvalidRecordError: not exactly one batch of format 2, or a record count that is not
            its offsets' count.
        CorruptRecordError: cut off, or its CRC does not match.
    """
    batch = Batch.parse(data)
    if batch.magic != MAGIC:
        raise InvalidRecordError(f"record format {batch.magic} is not supported: use 2")
    if batch.size != len(data):
        raise InvalidRecordError("a produce request carries exactly one batch per partition")
    if batch.records != batch.last_offset_delta + 1 or batch.records < 1:
        raise InvalidRecordError("the batch's record count and its last offset disagree")
    if not intact(data, batch):
        raise CorruptRecordError("the record batch does not match its CRC")
    return batch


def intact(data: bytes | bytearray, batch: Batch) -> bool:
    """Whether the bytes of a batch match the CRC in its header."""
    return bool(calc_crc32c(memoryview(data)[CHECKED_FROM:]) == batch.crc)


def stamped(data: bytes, base_offset: int) -> bytearray:
    """The batch with its place in the log written in; the CRC does not cover these fields."""
    stored = bytearray(data)
    struct.pack_into(">q", stored, 0, base_offset)
    struct.pack_into(">i", stored, EPOCH_AT, LEADER_EPOCH)
    return stored


def timestamps(data: bytes) -> Iterator[tuple[int, int]]:
    """(offset, timestamp in ms) of every record in a stored batch.

    Raises:
        UnsupportedCompressionTypeError: compressed with a codec that is not installed here.
    """
    try:
        for record in DefaultRecordBatch(data):
            yield record.offset, record.timestamp
    except MissingCodecError as error:
        raise UnsupportedCompressionTypeError(str(error)) from error
