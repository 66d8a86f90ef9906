"""Kafka clients with the settings that the promise needs, each with its reason."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)

from infra import tls
from infra.errors import BadSetting, DoubletError, Unavailable
from infra.eventlog.headers import accept_any_header_name
from infra.eventlog.topics import ENVELOPE_ROOM, GROUP, topics
from infra.settings import Settings

_BOOTSTRAP_MS = 5_000
"""How long a client looks for a broker before it says that there is none."""
_RECONNECT_MS = 5_000
"""A broker that is back is noticed within this time; kafka-python would rest for up to 30 s."""
_SEND_MS = 30_000
"""How long a send is retried before its sender is told; the message may be sent again."""
_BATCH_FRAME = 128
"""Bytes that a batch of one record takes beside key, value and headers, at the most."""
_HEADER_FRAME = 10
"""Bytes that a header's two lengths take, at the most."""
_SESSION_MS = 15_000
"""A consumer that was not heard of for so long has lost its partitions to the others."""


_REFUSALS = (AuthorizationError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
_SILENCES = (KafkaConnectionError, KafkaTimeoutError)
"""All that kafka-python says where TLS does not come about, for whatever reason."""


class EventLogUnavailable(Unavailable):
    """Kafka cannot be reached, does not answer in time, or refuses us."""

    part = "Kafka"


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


class _Producer(KafkaProducer):  # type: ignore[misc]  # kafka-python has no type hints
    """One that can be closed while records wait: their senders are told that they failed."""

    def flush(self, timeout: float | None = None) -> None:
        """Closing begins with it, and would end with its complaint, connections open."""
        with suppress(KafkaTimeoutError):
            super().flush(timeout)


class KafkaEventLog:
    """An EventLog on Kafka: idempotent, acknowledged by all replicas."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = {topic.name: topic.message_limit for topic in topics(settings)}
        self._opening = threading.Lock()
        self._producer: _Producer | None = None
        self._opened()

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        # Refused here already: a refusal by the broker ends an idempotent producer.
        if _size(key, value, headers) > self._limits[topic]:
            raise _too_large(self._settings)
        producer = self._opened()
        with translated(self._settings):
            try:
                stored = producer.send(topic, key=key, value=value, headers=headers).get(
                    _SEND_MS / 1000
                )
            except KafkaError:
                self._give_up(producer)
                raise
            except RuntimeError as error:
                if producer is self._producer:
                    raise
                raise KafkaConnectionError("another sender gave the connection up") from error
        return stored.partition, stored.offset

    def close(self) -> None:
        """Give the connections back; everything sent was acknowledged already."""
        with self._opening:
            if self._producer is not None:
                self._producer.close(timeout=2)

    def _opened(self) -> _Producer:
        with self._opening, translated(self._settings):
            if self._producer is None:
                self._producer = _Producer(
                    **_way(self._settings),
                    delivery_timeout_ms=_SEND_MS,
                    request_timeout_ms=_SEND_MS // 2,
                    max_block_ms=_SEND_MS,
                    max_request_size=max(self._limits.values()),
                    allow_auto_create_topics=False,
                )
            return self._producer

    def _give_up(self, failed: _Producer) -> None:
        """The next event is sent by another producer.

        An idempotent one that was refused repeats its error for ever, whatever it is given. One
        whose record ran out of time between two tries forgets its id, never asks for another, and
        sends nothing more (kafka-python 3.0.12, `TransactionManager.reset_producer_id`).
        """
        with self._opening:
            if self._producer is failed:  # unless another thread was quicker
                self._producer = None
                failed.close(timeout=0)


def _way(settings: Settings) -> dict[str, Any]:
    """How every client finds Kafka, and as whom it comes.

    Raises:
        BadSetting: the settings of the way contradict each other, or name files of no use.
    """
    way: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "bootstrap_timeout_ms": _BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": _RECONNECT_MS,
    }
    if encryption := tls.to_kafka(settings):
        encryption.context()
        # Files, not this context: a certificate that was renewed is taken at the next connection.
        way |= {
            "security_protocol": settings.kafka_security_protocol,
            "ssl_cafile": encryption.ca_file or None,
            "ssl_certfile": encryption.certificate_file or None,
            "ssl_keyfile": encryption.key_file or None,
        }
    if settings.kafka_security_protocol == "SASL_SSL":
        password = settings.kafka_sasl_password.get_secret_value()
        if not settings.kafka_sasl_username or not password:
            raise BadSetting("SASL_SSL needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
        way |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password,
        }
    return way


def _size(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> int:
    """Bytes of an event in its record batch, rounded up."""
    content = len(key or b"") + len(value or b"")
    return (
        _BATCH_FRAME
        + content
        + sum(_HEADER_FRAME + len(name.encode()) + len(text) for name, text in headers)
    )


def _too_large(settings: Settings) -> EventTooLarge:
    return EventTooLarge(
        f"the event is larger than MESSAGE_LIMIT_BYTES ({settings.message_limit_bytes})"
    )


def open_consumer(
    settings: Settings,
    *names: str,
    member: str | None = None,
    listener: ConsumerRebalanceListener | None = None,
) -> KafkaConsumer:
    """A member of the group that doubles, whose offsets are committed by hand.

    Args:
        member: a name that survives restarts: the group then does not rebalance for one.
        listener: is told which partitions come and go, on the client's own thread.

    Raises:
        EventLogUnavailable: there is no broker.
        TopicsMissing: a topic is not created yet; a group would wait minutes to notice it.
    """
    accept_any_header_name()
    with translated(settings):
        consumer = KafkaConsumer(
            **_way(settings),
            group_id=GROUP,
            group_instance_id=member,
            # Offsets are committed after the database, never by a clock.
            enable_auto_commit=False,
            # A picture that waited before the first consumer came is not lost.
            auto_offset_reset="earliest",
            # The others go on working while one joins or leaves.
            partition_assignment_strategy=[CooperativeStickyAssignor],
            session_timeout_ms=_SESSION_MS,
            # Pictures wait on Kafka, not in our memory: one of the largest is fetched at a time.
            max_partition_fetch_bytes=settings.message_limit_bytes + ENVELOPE_ROOM,
            fetch_max_bytes=settings.message_limit_bytes + ENVELOPE_ROOM,
            max_poll_records=1,
            allow_auto_create_topics=False,
        )
        _require_topics(consumer, names)
        consumer.subscribe(list(names), listener=listener)
        # A group joined before these are known has nothing to share out, and may stay so.
        consumer.topics()
    return consumer


def _require_topics(consumer: KafkaConsumer, names: tuple[str, ...]) -> None:
    missing = [name for name in names if not consumer.partitions_for_topic(name)]
    if missing:
        consumer.close()
        raise TopicsMissing(f"no topic {', '.join(missing)}: `doublet topics` creates it")


def poll_one(consumer: KafkaConsumer, timeout_ms: int) -> list[Any]:
    """The next record of the partitions that are not paused, as kafka-python has it, or none.

    kafka-python 3.0.12 sets aside what it has fetched of a partition that is paused, and takes it
    up again only while no other partition's records are in line; those that were used up stay in
    line for ever. A partition that was paused beside another one then stands still.
    """
    batches = consumer.poll(timeout_ms=timeout_ms, max_records=1)
    fetcher = consumer._fetcher
    if not fetcher._next_partition_records:
        fetcher._next_partition_records = None
    return [record for records in batches.values() for record in records]


def open_reader(settings: Settings) -> KafkaConsumer:
    """A consumer outside any group, to look at offsets and records.

    Raises:
        EventLogUnavailable: there is no broker.
    """
    accept_any_header_name()
    with translated(settings):
        return KafkaConsumer(
            **_way(settings),
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
            **_way(settings),
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
        raise _too_large(settings) from error
    except _REFUSALS as error:
        where = ",".join(settings.bootstrap_servers)
        raise EventLogUnavailable(f"Kafka at {where} refuses us: {error}") from error
    except (KafkaError, OSError) as error:
        where = ",".join(settings.bootstrap_servers)
        reason = _objection(settings, error) if isinstance(error, _SILENCES) else error
        raise EventLogUnavailable(f"Kafka at {where} does not answer: {reason}") from error


def _objection(settings: Settings, error: KafkaError) -> str:
    """What kafka-python does not say of a silence."""
    encryption = tls.to_kafka(settings)
    objections = map(encryption.objection, settings.bootstrap_servers) if encryption else ()
    if objection := next(filter(None, objections), ""):
        return objection
    if settings.kafka_security_protocol == "SASL_SSL":
        # The refusal is lost where Kafka hangs up before kafka-python has read it.
        return f"{error}, or it refuses KAFKA_SASL_USERNAME with its password"
    return str(error)
