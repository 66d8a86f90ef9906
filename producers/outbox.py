"""Kafka, as far as whoever sends seldom needs it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from infra.eventlog.clients import EventLog, EventLogUnavailable, KafkaEventLog
from infra.eventlog.reading import LogReader, Offsets
from infra.settings import Settings


class Outbox(EventLog, Protocol):
    """An EventLog that can be asked what it holds: the seam that tests replace."""

    def ends(self, topic: str) -> Offsets:
        """The offset of each partition's next record; raises EventLogUnavailable."""

    def holds(self, topic: str, key: bytes, since: Mapping[int, int]) -> bool:
        """Whether a record of this key came since these offsets; raises EventLogUnavailable."""


class KafkaOutbox:
    """Connected when it is first used, until it fails or is closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._events: KafkaEventLog | None = None
        self._reader: LogReader | None = None

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        with self._connected():
            self._events = self._events or KafkaEventLog(self._settings)
            return self._events.send(topic, key, value, headers)

    def ends(self, topic: str) -> Offsets:
        with self._connected():
            return self._read().ends(topic)

    def holds(self, topic: str, key: bytes, since: Mapping[int, int]) -> bool:
        with self._connected():
            return any(record.key == key for record in self._read().since(topic, since))

    def close(self) -> None:
        """Give the connections back."""
        events, self._events = self._events, None
        reader, self._reader = self._reader, None
        if events:
            events.close()
        if reader:
            reader.close()

    def _read(self) -> LogReader:
        self._reader = self._reader or LogReader(self._settings)
        return self._reader

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except EventLogUnavailable:
            self.close()  # it may come back at another address
            raise
