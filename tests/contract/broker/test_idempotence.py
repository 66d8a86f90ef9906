"""Idempotent producers: a batch that is sent again is stored once (KIP-98)."""

from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    InvalidProducerEpochError,
    NoError,
    OutOfOrderSequenceNumberError,
    for_code,
)
from kafka.protocol.producer import InitProducerIdRequest

from tests.contract.broker.conftest import Clients
from tests.contract.broker.wire import Wire, batch, read, until


def new_producer_id(wire: Wire) -> int:
    answers: list[Any] = []

    def has_one() -> bool:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)
        answers.append(wire.ask(request, 4))
        return for_code(answers[-1].error_code) is not CoordinatorLoadInProgressError

    until(has_one, "a producer id, which a new cluster does not give at once")
    assert (for_code(answers[-1].error_code), answers[-1].producer_epoch) == (NoError, 0)
    return int(answers[-1].producer_id)


def send(wire: Wire, topic: str, producer_id: int, sequence: int, *values: bytes) -> Any:
    records = batch(*values, producer_id=producer_id, epoch=0, sequence=sequence)
    answer = wire.produce(topic, records)
    return for_code(answer.error_code), answer.base_offset


def test_every_producer_gets_an_id_of_its_own(wire: Wire) -> None:
    assert new_producer_id(wire) != new_producer_id(wire)


def test_a_repeated_batch_is_answered_with_its_first_offset(
    topic: str, wire: Wire, new_consumer: Clients
) -> None:
    producer = new_producer_id(wire)
    assert send(wire, topic, producer, 0, b"a", b"b") == (NoError, 0)
    assert send(wire, topic, producer, 2, b"c") == (NoError, 2)
    assert send(wire, topic, producer, 2, b"c") == (NoError, 2)
    assert send(wire, topic, producer, 0, b"a", b"b") == (NoError, 0)
    assert send(wire, topic, producer, 3, b"d") == (NoError, 3)
    assert [record.value for record in read(new_consumer(topic), 4)] == [b"a", b"b", b"c", b"d"]


def test_the_last_five_batches_are_remembered(topic: str, wire: Wire) -> None:
    producer = new_producer_id(wire)
    for sequence in range(6):
        assert send(wire, topic, producer, sequence, b"x") == (NoError, sequence)
    assert send(wire, topic, producer, 1, b"x") == (NoError, 1)
    assert send(wire, topic, producer, 0, b"x")[0] is OutOfOrderSequenceNumberError


def test_a_gap_is_refused(topic: str, wire: Wire) -> None:
    producer = new_producer_id(wire)
    assert send(wire, topic, producer, 0, b"x") == (NoError, 0)
    assert send(wire, topic, producer, 2, b"x")[0] is OutOfOrderSequenceNumberError


def test_a_producer_that_the_partition_does_not_know_may_begin_anywhere(
    topic: str, wire: Wire
) -> None:
    assert send(wire, topic, new_producer_id(wire), 41, b"x") == (NoError, 0)


def test_an_older_epoch_is_refused(topic: str, wire: Wire) -> None:
    producer = new_producer_id(wire)
    newer = batch(b"x", producer_id=producer, epoch=1, sequence=0)
    assert for_code(wire.produce(topic, newer).error_code) is NoError
    assert send(wire, topic, producer, 0, b"x")[0] is InvalidProducerEpochError


def test_a_new_epoch_begins_at_zero(topic: str, wire: Wire) -> None:
    producer = new_producer_id(wire)
    assert send(wire, topic, producer, 0, b"x") == (NoError, 0)
    later = batch(b"x", producer_id=producer, epoch=1, sequence=1)
    assert for_code(wire.produce(topic, later).error_code) is OutOfOrderSequenceNumberError
    first = batch(b"x", producer_id=producer, epoch=1, sequence=0)
    assert for_code(wire.produce(topic, first).error_code) is NoError


def test_sequences_are_counted_for_each_partition(
    new_topic: Clients, wire: Wire, new_consumer: Clients
) -> None:
    topic, producer = new_topic(partitions=2), new_producer_id(wire)
    records = batch(b"x", producer_id=producer, epoch=0, sequence=0)
    assert for_code(wire.produce(topic, records, partition=0).error_code) is NoError
    assert for_code(wire.produce(topic, records, partition=1).error_code) is NoError
    ends = new_consumer().end_offsets([TopicPartition(topic, index) for index in (0, 1)])
    assert set(ends.values()) == {1}


def test_sequences_wrap_around(topic: str, wire: Wire) -> None:
    producer = new_producer_id(wire)
    assert send(wire, topic, producer, 2**31 - 2, b"x", b"y", b"z") == (NoError, 0)
    assert send(wire, topic, producer, 1, b"x") == (NoError, 3)


def test_kafka_python_is_idempotent_without_being_told(topic: str, producer: KafkaProducer) -> None:
    assert producer.config["enable_idempotence"]
    assert producer.send(topic, value=b"x").get(10).offset == 0
