"""Our own clients on both brokers: topics, sending, offsets, lag in seconds."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from infra.eventlog import clients
from infra.eventlog.clients import (
    EventLogUnavailable,
    EventTooLarge,
    KafkaEventLog,
    TopicsMissing,
    open_admin,
    open_consumer,
    open_reader,
    poll_one,
)
from infra.eventlog.offsets import PartitionOffsets, intake_offsets, seconds_behind
from infra.eventlog.topics import APOD, UPLOADS, ensure_topics
from infra.eventlog.topics import topics as our_topics
from infra.settings import Settings
from tests.fixtures.brokers import LocalBroker

MEBIBYTE = 1024 * 1024


@pytest.fixture
def settings(broker: LocalBroker) -> Settings:
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=broker.bootstrap,
        partitions=2,
        message_limit_bytes=2 * MEBIBYTE,
    )


@pytest.fixture
def topics(settings: Settings) -> Iterator[None]:
    """Our topics, fresh: their names are fixed, and the broker is shared."""
    with open_admin(settings) as admin:
        assert set(ensure_topics(admin, settings)) == {topic.name for topic in our_topics(settings)}
        yield
        admin.delete_topics([topic.name for topic in our_topics(settings)])


@pytest.fixture
def events(settings: Settings, topics: None) -> Iterator[KafkaEventLog]:
    events = KafkaEventLog(settings)
    yield events
    events.close()


def upload(events: KafkaEventLog, value: bytes = b"x", key: bytes = b"k") -> tuple[int, int]:
    return events.send(UPLOADS, key, value, [("ce_id", b"1")])


def at(settings: Settings, partition: int) -> PartitionOffsets:
    offsets = {(it.topic, it.partition): it for it in intake_offsets(settings)}
    return offsets[UPLOADS, partition]


@pytest.mark.usefixtures("topics")
def test_topics_that_are_there_are_left_as_they_are(settings: Settings) -> None:
    with open_admin(settings) as admin:
        assert ensure_topics(admin, settings) == []


def test_without_topics_there_are_no_offsets_and_no_consumer(settings: Settings) -> None:
    assert intake_offsets(settings) == []
    with pytest.raises(TopicsMissing, match="doublet topics"):
        open_consumer(settings, UPLOADS)


def test_an_event_is_acknowledged_with_its_place(events: KafkaEventLog, settings: Settings) -> None:
    partition, first = upload(events)
    assert upload(events) == (partition, first + 1)
    assert at(settings, partition).end == first + 2


def test_events_of_one_key_stay_in_one_partition(events: KafkaEventLog) -> None:
    assert len({upload(events)[0] for _ in range(10)}) == 1


def test_the_largest_picture_passes_and_a_larger_one_is_refused(events: KafkaEventLog) -> None:
    upload(events, bytes(2 * MEBIBYTE))
    with pytest.raises(EventTooLarge, match="MESSAGE_LIMIT_BYTES"):
        upload(events, bytes(3 * MEBIBYTE))
    upload(events)


def test_lag_is_what_the_group_has_not_committed(events: KafkaEventLog, settings: Settings) -> None:
    partition, _ = upload(events)
    upload(events)
    assert (at(settings, partition).committed, at(settings, partition).lag) == (0, 2)
    consumer = open_consumer(settings, UPLOADS, APOD)
    taken: list[Any] = []
    while not taken:
        taken = [record for batch in consumer.poll(500).values() for record in batch]
    place = TopicPartition(UPLOADS, partition)
    consumer.commit({place: OffsetAndMetadata(taken[0].offset + 1, "", -1)})
    consumer.close()
    assert (at(settings, partition).committed, at(settings, partition).lag) == (1, 1)


def test_seconds_behind_are_the_age_of_the_oldest_record_that_waits(
    events: KafkaEventLog, settings: Settings
) -> None:
    partition, _ = upload(events)
    reader = open_reader(settings)
    later = datetime.now(UTC) + timedelta(minutes=5)
    offsets = at(settings, partition)
    assert seconds_behind(reader, offsets, clock=lambda: later) == pytest.approx(300, abs=30)
    nothing_waits = PartitionOffsets(UPLOADS, partition, 0, 1, 1)
    assert seconds_behind(reader, nothing_waits) == 0
    reader.close()


def test_where_there_is_no_broker_it_is_one_clear_line() -> None:
    nowhere = Settings(_env_file=None, kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(EventLogUnavailable, match=r"Kafka at 127\.0\.0\.1:1") as refusal:
        KafkaEventLog(nowhere)
    assert "\n" not in str(refusal.value)


def test_partitions_that_were_paused_together_go_on_together(
    events: KafkaEventLog, settings: Settings
) -> None:
    """What kafka-python had fetched of the second one was set aside for ever."""
    for number in range(40):
        upload(events, key=str(number).encode())
    consumer = open_consumer(settings, UPLOADS, APOD)
    taken: list[tuple[int, int]] = []
    while len({partition for partition, _ in taken}) < 2:  # one of each, then both are paused
        for record in poll_one(consumer, 500):
            taken.append((record.partition, record.offset))
            consumer.pause(TopicPartition(UPLOADS, record.partition))
    assert poll_one(consumer, 100) == []
    consumer.resume(*consumer.assignment())
    deadline = time.monotonic() + 30
    while len(taken) < 40:
        assert time.monotonic() < deadline, f"stands still after {len(taken)} records"
        taken += [(record.partition, record.offset) for record in poll_one(consumer, 500)]
    consumer.close()
    assert len(set(taken)) == 40


def test_a_silence_that_outlasts_a_record_ends_no_sending(
    private_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python's producer stood still for ever once a record expired between two tries."""
    monkeypatch.setattr(clients, "_SEND_MS", 2_000)
    monkeypatch.setattr(clients, "_BOOTSTRAP_MS", 500)
    settings = Settings(_env_file=None, kafka_bootstrap_servers=private_broker.bootstrap)
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
    events = KafkaEventLog(settings)
    upload(events)
    private_broker.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(4) as threads:
        for sent in [threads.submit(upload, events) for _ in range(12)]:
            with pytest.raises(EventLogUnavailable):
                sent.result()
    private_broker.process.send_signal(signal.SIGCONT)
    assert sent_within(60, events)
    events.close()


def sent_within(seconds: float, events: KafkaEventLog) -> bool:
    """Whether Kafka takes an event again, as soon as it has come to itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(EventLogUnavailable):
            upload(events)
            return True
    return False
