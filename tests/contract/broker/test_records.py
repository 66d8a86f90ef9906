"""What a producer stores is what a consumer reads: contents, offsets, times and limits."""

import time
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import (
    CorruptRecordError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    NoError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest

from tests.contract.broker.conftest import Clients
from tests.contract.broker.wire import Wire, batch, read

HOUR_MS = 3_600_000


def test_keys_values_headers_and_timestamps_are_kept(
    topic: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    headers = [("ce_id", b"upload:1"), ("raw", b"\xff\x00"), ("raw", b"again")]
    sent = producer.send(
        topic, key=b"\x00key", value=b"value", headers=headers, timestamp_ms=1_700_000_000_123
    ).get(10)
    producer.send(topic, key=b"gone", value=None).get(10)

    first, second = read(new_consumer(topic), 2)

    assert (first.offset, first.partition) == (sent.offset, sent.partition) == (0, 0)
    assert (first.key, first.value, first.headers) == (b"\x00key", b"value", headers)
    assert (first.timestamp, first.timestamp_type) == (1_700_000_000_123, 0)
    assert (second.key, second.value, second.headers) == (b"gone", None, [])


def test_a_header_without_a_value_is_kept(topic: str, wire: Wire, new_consumer: Clients) -> None:
    wire.produce(topic, batch(b"value", headers=[("nothing", None), ("empty", b"")]))
    (record,) = read(new_consumer(topic), 1)
    assert record.headers == [("nothing", None), ("empty", b"")]


def test_records_of_a_compressed_batch_are_read_one_by_one(
    topic: str, broker: Any, new_consumer: Clients
) -> None:
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap, compression_type="gzip", linger_ms=50
    )
    for number in range(200):
        producer.send(topic, value=b"%d" % number)
    producer.close()
    records = read(new_consumer(topic), 200)
    assert [record.value for record in records] == [b"%d" % number for number in range(200)]
    assert [record.offset for record in records] == list(range(200))


def test_each_partition_keeps_its_own_order(
    new_topic: Clients, producer: KafkaProducer, new_consumer: Clients
) -> None:
    topic = new_topic(partitions=3)
    for number in range(60):
        producer.send(topic, value=b"%d" % number, partition=number % 3)
    producer.flush()
    values: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for record in read(new_consumer(topic), 60):
        assert record.offset == len(values[record.partition])
        values[record.partition].append(int(record.value))
    assert values == {first: list(range(first, 60, 3)) for first in range(3)}


def test_first_and_next_offsets(
    new_topic: Clients, producer: KafkaProducer, new_consumer: Clients
) -> None:
    topic = new_topic(partitions=2)
    for _ in range(3):
        producer.send(topic, value=b"x", partition=1)
    producer.flush()
    empty, full = TopicPartition(topic, 0), TopicPartition(topic, 1)
    consumer = new_consumer()
    assert consumer.beginning_offsets([empty, full]) == {empty: 0, full: 0}
    assert consumer.end_offsets([empty, full]) == {empty: 0, full: 3}


def test_offsets_for_times(topic: str, producer: KafkaProducer, new_consumer: Clients) -> None:
    for timestamp in (1000, 3000, 2000, 5000):
        producer.send(topic, value=b"x", timestamp_ms=timestamp).get(10)
    partition = TopicPartition(topic, 0)
    consumer = new_consumer()

    def offset_at(timestamp: int) -> tuple[int, int] | None:
        found = consumer.offsets_for_times({partition: timestamp})[partition]
        return None if found is None else (found.offset, found.timestamp)

    assert offset_at(0) == (0, 1000)
    assert offset_at(1001) == (1, 3000)
    assert offset_at(2000) == (1, 3000)
    assert offset_at(3001) == (3, 5000)
    assert offset_at(5001) is None


def test_the_time_of_a_record_inside_a_batch_is_found(
    topic: str, broker: Any, new_consumer: Clients
) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=200)
    for timestamp in range(1000, 1010):
        producer.send(topic, value=b"x", timestamp_ms=timestamp)
    producer.close()
    partition = TopicPartition(topic, 0)
    found = new_consumer().offsets_for_times({partition: 1007})[partition]
    assert (found.offset, found.timestamp) == (7, 1007)


def test_reading_begins_where_the_consumer_seeks(
    topic: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    for number in range(10):
        producer.send(topic, value=b"%d" % number)
    producer.flush()
    consumer, partition = new_consumer(), TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 7)
    assert [record.offset for record in read(consumer, 3)] == [7, 8, 9]


@pytest.mark.parametrize("offset", [4, 1000])
def test_an_offset_past_the_end_is_out_of_range(
    topic: str, producer: KafkaProducer, new_consumer: Clients, offset: int
) -> None:
    for _ in range(3):
        producer.send(topic, value=b"x").get(10)
    consumer, partition = new_consumer(auto_offset_reset="none"), TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, offset)
    with pytest.raises(OffsetOutOfRangeError):
        read(consumer, 1)


def test_deleted_records_are_gone_and_the_offsets_go_on(
    topic: str, producer: KafkaProducer, admin: KafkaAdminClient, new_consumer: Clients
) -> None:
    partition = TopicPartition(topic, 0)
    for number in range(5):
        producer.send(topic, value=b"%d" % number).get(10)
    admin.delete_records({partition: 3})
    consumer = new_consumer()
    assert consumer.beginning_offsets([partition]) == {partition: 3}
    assert producer.send(topic, value=b"5").get(10).offset == 5
    consumer.assign([partition])
    consumer.seek(partition, 0)  # out of range by now: the earliest that is left
    assert [record.value for record in read(consumer, 3)] == [b"3", b"4", b"5"]


def test_a_record_arrives_while_a_fetch_waits_for_it(
    topic: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    consumer = new_consumer(topic, fetch_max_wait_ms=20_000)
    assert consumer.poll(timeout_ms=500) == {}  # from here on a fetch waits at the broker
    began = time.monotonic()
    producer.send(topic, value=b"at last").get(10)
    read(consumer, 1)
    assert time.monotonic() - began < 10, "the fetch waited its time out"


def test_an_idle_fetch_waits_as_long_as_it_was_told(
    topic: str, producer: KafkaProducer, wire: Wire
) -> None:
    partition = FetchRequest.FetchTopic.FetchPartition(
        partition=0, fetch_offset=0, partition_max_bytes=1 << 20
    )
    request = FetchRequest(
        max_wait_ms=300,
        min_bytes=1,
        max_bytes=1 << 20,
        topics=[FetchRequest.FetchTopic(topic=topic, partitions=[partition])],
    )
    began = time.monotonic()
    (answer,) = wire.ask(request, 12).responses[0].partitions
    assert time.monotonic() - began >= 0.25
    assert (answer.error_code, answer.high_watermark, answer.records or b"") == (0, 0, b"")


def test_five_megabytes_in_one_message(
    new_topic: Clients, producer: KafkaProducer, new_consumer: Clients
) -> None:
    topic = new_topic(max_message_bytes=str(6 << 20))
    pictures = [bytes([number]) * 5_000_000 for number in range(2)]
    for picture in pictures:
        producer.send(topic, value=picture).get(20)
    # Kafka gives at least one batch, even where the consumer's own limit is smaller.
    consumer = new_consumer(topic, max_partition_fetch_bytes=1 << 20)
    assert [record.value for record in read(consumer, 2)] == pictures


def test_a_message_over_the_default_limit_is_refused(
    topic: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        producer.send(topic, value=bytes(1_048_588)).get(10)
    assert new_consumer().end_offsets([TopicPartition(topic, 0)]) == {TopicPartition(topic, 0): 0}


def test_the_limit_counts_the_whole_batch(new_topic: Clients, wire: Wire) -> None:
    records = batch(bytes(2000))
    exact, short = (new_topic(max_message_bytes=str(len(records) - less)) for less in (0, 1))
    assert for_code(wire.produce(exact, records).error_code) is NoError
    assert for_code(wire.produce(short, records).error_code) is MessageSizeTooLargeError


def test_a_damaged_batch_is_refused(topic: str, wire: Wire) -> None:
    damaged = bytearray(batch(b"value"))
    damaged[-3] ^= 0xFF
    assert for_code(wire.produce(topic, bytes(damaged)).error_code) is CorruptRecordError


def test_a_record_from_the_far_future_is_refused(topic: str, wire: Wire) -> None:
    now = int(time.time() * 1000)
    near, far = batch(b"x", timestamp=now), batch(b"x", timestamp=now + 2 * HOUR_MS)
    assert for_code(wire.produce(topic, near).error_code) is NoError
    assert for_code(wire.produce(topic, far).error_code) is InvalidTimestampError


def test_a_partition_that_does_not_exist(topic: str, wire: Wire) -> None:
    answer = wire.produce(topic, batch(b"x"), partition=1)
    assert for_code(answer.error_code) is UnknownTopicOrPartitionError
