"""Headers whose names are no UTF-8 pass through both brokers and our clients, byte by byte."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer, TopicPartition

from infra.eventlog.clients import open_admin, open_reader
from infra.eventlog.headers import HeaderName, is_readable
from infra.settings import Settings
from tests.fixtures.brokers import LocalBroker

TOPIC = "header-names"


@pytest.fixture
def settings(broker: LocalBroker) -> Settings:
    return Settings(_env_file=None, kafka_bootstrap_servers=broker.bootstrap)


@pytest.fixture
def producer(broker: LocalBroker, settings: Settings) -> Iterator[KafkaProducer]:
    with open_admin(settings) as admin:
        admin.create_topics({TOPIC: {"num_partitions": 1}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    yield producer
    producer.close()


@given(st.binary(max_size=40))
def test_a_name_keeps_its_bytes_whatever_they_are(name: bytes) -> None:
    assert HeaderName.of(name).encode() == name


@given(st.text(max_size=40))
def test_a_name_that_is_text_is_that_text(name: str) -> None:
    if is_readable(name) and not any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        assert HeaderName.of(name.encode()) == name
        assert is_readable(HeaderName.of(name.encode()))


def test_a_name_that_is_no_text_is_called_so() -> None:
    assert not is_readable(HeaderName.of(b"caf\xe9"))


def test_records_beside_and_behind_such_a_name_are_read(
    settings: Settings, producer: KafkaProducer
) -> None:
    headers = [(HeaderName.of(b"caf\xe9"), b"1"), (HeaderName.of(b"plain"), b""), ("x", b"\xff")]
    first = producer.send(TOPIC, key=b"k", value=b"before", partition=0)
    producer.send(TOPIC, key=b"k", value=b"v", headers=headers, partition=0, timestamp_ms=1234567)
    producer.send(TOPIC, value=b"behind", partition=0).get(30)
    consumer = open_reader(settings)
    place = TopicPartition(TOPIC, 0)
    consumer.assign([place])
    consumer.seek(place, first.get(30).offset)
    records: list[Any] = []
    while len(records) < 3:
        records += consumer.poll(500).get(place, [])
    consumer.close()
    assert [record.value for record in records] == [b"before", b"v", b"behind"]
    odd = records[1]
    assert [(name.encode(), value) for name, value in odd.headers] == [
        (b"caf\xe9", b"1"),
        (b"plain", b""),
        (b"x", b"\xff"),
    ]
    assert (odd.key, odd.timestamp) == (b"k", 1234567)
    assert [record.offset - records[0].offset for record in records] == [0, 1, 2]
