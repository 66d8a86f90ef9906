"""Records looked at outside any group: one at its address, or all of a stretch."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from kafka import TopicPartition

from infra.eventlog.clients import EventLogUnavailable, open_reader, translated
from infra.settings import Settings

_POLL_MS = 1_000
_SILENCE_S = 60.0
"""How long a record that must be there may take: a busy broker is not one that is away."""

Offsets = dict[int, int]
"""One offset for each partition of a topic."""


class LogReader:
    """A client that reads and leaves no trace. For one thread."""

    def __init__(self, settings: Settings) -> None:
        """Connect.

        Raises:
            EventLogUnavailable: there is no broker; as every method does.
        """
        self._settings = settings
        self._consumer = open_reader(settings)

    def beginnings(self, topic: str) -> Offsets:
        """The first offset of each partition that is still on disk."""
        with translated(self._settings):
            found = self._consumer.beginning_offsets(self._partitions(topic))
        return {at.partition: offset for at, offset in found.items()}

    def ends(self, topic: str) -> Offsets:
        """The offset of each partition's next record."""
        with translated(self._settings):
            found = self._consumer.end_offsets(self._partitions(topic))
        return {at.partition: offset for at, offset in found.items()}

    def at(self, topic: str, partition: int, offset: int) -> Any | None:
        """The ConsumerRecord at an address; None where retention has deleted it."""
        beginnings, ends = self.beginnings(topic), self.ends(topic)
        if not beginnings.get(partition, 0) <= offset < ends.get(partition, 0):
            return None
        return next(self._read(TopicPartition(topic, partition), offset, offset + 1), None)

    def since(self, topic: str, starts: Mapping[int, int]) -> Iterator[Any]:
        """Every ConsumerRecord from an offset in each partition up to the present end.

        A partition that ``starts`` does not name is read from its beginning.
        """
        beginnings, ends = self.beginnings(topic), self.ends(topic)
        for partition, end in ends.items():
            start = max(starts.get(partition, 0), beginnings[partition])
            yield from self._read(TopicPartition(topic, partition), start, end)

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def __enter__(self) -> "LogReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(topic) or set()
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def _read(self, partition: TopicPartition, start: int, end: int) -> Iterator[Any]:
        if start >= end:
            return
        with translated(self._settings):
            self._consumer.assign([partition])
            self._consumer.seek(partition, start)
        deadline = time.monotonic() + _SILENCE_S
        while self._position(partition) < end:
            for record in self._poll(partition):
                deadline = time.monotonic() + _SILENCE_S
                if record.offset < end:
                    yield record
            if time.monotonic() > deadline:
                raise EventLogUnavailable(
                    f"Kafka has sent nothing of {partition.topic} {partition.partition} "
                    f"for {_SILENCE_S:g} s"
                )

    def _poll(self, partition: TopicPartition) -> list[Any]:
        with translated(self._settings):
            found: list[Any] = self._consumer.poll(timeout_ms=_POLL_MS).get(partition, [])
        return found

    def _position(self, partition: TopicPartition) -> int:
        with translated(self._settings):
            return int(self._consumer.position(partition))
