"""Kafka clients with the settings that the promise needs, each with its reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from infra.errors import DoubletError, Unavailable
from infra.eventlog.topics import ENVELOPE_ROOM, GROUP
from infra.settings import Settings

_BOOTSTRAP_MS = 5_000
"""How long a client looks for a broker before it says that there is none."""
_SEND_MS = 30_000
"""How long a send is retried before its sender is told; the message may be sent again."""
_SESSION_MS = 15_000
"""A consumer that was not heard of for so long has lost its partitions to the others."""


class EventLogUnavailable(Unavailable):
    """Kafka cannot be reached, or does not answer in time."""


class TopicsMissing(EventLogUnavailable):
    """Kafka is there, and our topics are not."""


class EventTooLarge(DoubletError):
    """An event exceeds the topic's message limit: send a claim check instead."""


class EventLog(Protocol):
    """Where events are sent: the seam that tests replace."""

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        """Store an event and answer its (partition, offset) once Kafka acknowledged it.

        Raises:
            EventLogUnavailable: it may or may not be stored; sending it again is safe.
            EventTooLarge: it was refused and always will be.
        """


class KafkaEventLog:
    """An EventLog on Kafka: idempotent, acknowledged by all replicas."""

    def __init__(self, settings: Settings) -> None:
        with translated(settings):
            self._producer = KafkaProducer(
                bootstrap_servers=settings.bootstrap_servers,
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                delivery_timeout_ms=_SEND_MS,
                request_timeout_ms=_SEND_MS // 2,
                max_block_ms=_SEND_MS,
                max_request_size=settings.message_limit_bytes + 2 * ENVELOPE_ROOM,
                allow_auto_create_topics=False,
            )
        self._settings = settings

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        with translated(self._settings):
            stored = self._producer.send(topic, key=key, value=value, headers=headers).get(
                _SEND_MS / 1000
            )
        return stored.partition, stored.offset

    def close(self) -> None:
        """Give the connections back; everything sent was acknowledged already."""
        self._producer.close(timeout=2)


def open_consumer(settings: Settings, *topics: str, member: str | None = None) -> KafkaConsumer:
    """A member of the group that doubles, whose offsets are committed by hand.

    Args:
        member: a name that survives restarts: the group then does not rebalance for one.

    Raises:
        EventLogUnavailable: there is no broker.
        TopicsMissing: a topic is not created yet; a group would wait minutes to notice it.
    """
    with translated(settings):
        consumer = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            group_id=GROUP,
            group_instance_id=member,
            # Offsets are committed after the database, never by a clock.
            enable_auto_commit=False,
            # A picture that waited before the first consumer came is not lost.
            auto_offset_reset="earliest",
            # The others go on working while one joins or leaves.
            partition_assignment_strategy=[CooperativeStickyAssignor],
            session_timeout_ms=_SESSION_MS,
            max_partition_fetch_bytes=settings.message_limit_bytes + ENVELOPE_ROOM,
            # Pictures wait on Kafka, not in our memory.
            max_poll_records=1,
            allow_auto_create_topics=False,
        )
        _require_topics(consumer, topics)
        consumer.subscribe(list(topics))
        # A group joined before these are known has nothing to share out, and may stay so.
        consumer.topics()
    return consumer


def _require_topics(consumer: KafkaConsumer, topics: tuple[str, ...]) -> None:
    missing = [topic for topic in topics if not consumer.partitions_for_topic(topic)]
    if missing:
        consumer.close()
        raise TopicsMissing(f"no topic {', '.join(missing)}: `doublet topics` creates it")


def open_reader(settings: Settings) -> KafkaConsumer:
    """A consumer outside any group, to look at offsets and records.

    Raises:
        EventLogUnavailable: there is no broker.
    """
    with translated(settings):
        return KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            enable_auto_commit=False,
            max_partition_fetch_bytes=settings.message_limit_bytes + 2 * ENVELOPE_ROOM,
            allow_auto_create_topics=False,
        )


@contextmanager
def open_admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An administrator's connection, closed at the end.

    Raises:
        EventLogUnavailable: there is no broker.
    """
    with translated(settings):
        admin = KafkaAdminClient(
            bootstrap_servers=settings.bootstrap_servers,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            request_timeout_ms=_SEND_MS,
        )
        try:
            yield admin
        finally:
            admin.close()


@contextmanager
def translated(settings: Settings) -> Iterator[None]:
    """Turn kafka-python's errors into our own two kinds."""
    try:
        yield
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        raise EventTooLarge(
            f"the event is larger than MESSAGE_LIMIT_BYTES ({settings.message_limit_bytes})"
        ) from error
    except (KafkaError, OSError) as error:
        where = ",".join(settings.bootstrap_servers)
        raise EventLogUnavailable(f"Kafka at {where} does not answer: {error}") from error
