"""Header names that are not UTF-8, as other people's clients may send them.

Kafka takes any bytes for a header's name; kafka-python takes UTF-8 alone, and its `poll` then
raises at the same record for ever. Here such a name becomes a text that keeps its bytes, so the
record can be looked at, refused, and put aside with its headers untouched.
"""

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

_KEEPING = "surrogateescape"
"""Python's way of carrying bytes that are no UTF-8 through a text, and back (PEP 383)."""


class HeaderName(str):
    """A header's name whose bytes survive, also where kafka-python encodes it as UTF-8."""

    __slots__ = ()

    @classmethod
    def of(cls, name: bytes) -> "HeaderName":
        """Of whatever bytes."""
        return cls(name.decode("utf-8", _KEEPING))

    def encode(self, encoding: str = "utf-8", errors: str = _KEEPING) -> bytes:
        """The bytes that it was made of."""
        return super().encode(encoding, errors)


def is_readable(name: str) -> bool:
    """Whether a header's name was UTF-8."""
    return all(not 0xDC80 <= ord(character) <= 0xDCFF for character in name)


def accept_any_header_name() -> None:
    """Let every consumer of this process read records with such names; twice is harmless."""
    # The fetcher names the class of its batches nowhere else where it could be replaced.
    memory_records.DefaultRecordBatch = _Batch


class _Batch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python has no types
    """A batch that reads a record a second time, by our own hand, if a name is not UTF-8."""

    __slots__ = ()

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            return self._read_any_names()

    def _read_any_names(self) -> DefaultRecord:
        """By the format's description: KIP-82 and Kafka's documentation, "Message Format"."""
        rest = _Cursor(self._buffer, self._pos)
        length = rest.number()
        rest.number()  # attributes, of which no bit is in use
        timestamp_delta, offset_delta = rest.number(), rest.number()
        key, value = rest.content(), rest.content()
        headers = [
            (HeaderName.of(rest.content() or b""), rest.content()) for _ in range(rest.number())
        ]
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + timestamp_delta
        setattr(self, "_pos", rest.position)  # noqa: B010  (a slot of kafka-python's)
        return DefaultRecord(
            length,
            self.base_offset + offset_delta,
            timestamp,
            self.timestamp_type,
            key,
            value,
            headers,
        )


class _Cursor:
    """Reads one field after the other."""

    def __init__(self, buffer: bytearray, position: int) -> None:
        self._buffer = buffer
        self.position = position

    def number(self) -> int:
        number: int
        number, self.position = decode_varint(self._buffer, self.position)
        return number

    def content(self) -> bytes | None:
        length = self.number()
        if length < 0:
            return None
        self.position += length
        return bytes(self._buffer[self.position - length : self.position])
