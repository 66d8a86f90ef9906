"""One Kafka record, as the consumer sees it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.events.envelope import Headers


@dataclass(frozen=True)
class Record:
    """A record and its address."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    sent_at: datetime
    """Kafka's own timestamp of it."""

    @classmethod
    def from_kafka(cls, record: Any) -> "Record":
        """From kafka-python's ConsumerRecord."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            list(record.headers),
            _moment(record.timestamp),
        )

    @property
    def address(self) -> tuple[str, int, int]:
        """Topic, partition and offset: the delivery's key."""
        return self.topic, self.partition, self.offset

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(milliseconds: int) -> datetime:
    """Kafka's timestamp; a sender may have written one that no calendar has."""
    seconds = milliseconds / 1000
    return datetime.fromtimestamp(
        min(max(seconds, _EARLIEST.timestamp()), _LATEST.timestamp()), UTC
    )
