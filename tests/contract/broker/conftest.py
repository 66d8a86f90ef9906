"""Kafka clients for the contract suite, and a topic of its own for every test."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from tests.contract.broker.wire import Wire
from tests.fixtures.brokers import LocalBroker

Clients = Callable[..., Any]


@pytest.fixture
def admin(broker: LocalBroker) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


@pytest.fixture
def producer(broker: LocalBroker) -> Iterator[KafkaProducer]:
    """Large enough for a 5 MB message; otherwise as kafka-python makes one."""
    client = KafkaProducer(bootstrap_servers=broker.bootstrap, max_request_size=8 << 20)
    yield client
    client.close(timeout=5)


@pytest.fixture
def new_consumer(broker: LocalBroker) -> Iterator[Clients]:
    """Makes consumers from KafkaConsumer's own settings, and closes them after the test."""
    made: list[KafkaConsumer] = []

    def make(*topics: str, listener: Any = None, **settings: Any) -> KafkaConsumer:
        defaults = {
            "bootstrap_servers": broker.bootstrap,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "heartbeat_interval_ms": 200,  # how a member hears that it must join again
        }
        made.append(KafkaConsumer(**(defaults | settings)))
        if topics:
            made[-1].subscribe(topics, listener=listener)
            # kafka-python would first join the group without knowing the partitions, join again
            # when it does, and lose that assignment where a poll's time runs out meanwhile.
            made[-1].topics()
        return made[-1]

    yield make
    for consumer in made:
        consumer.close(timeout_ms=2000)


@pytest.fixture
def new_topic(admin: KafkaAdminClient) -> Clients:
    """Creates a topic with a name of its own, and returns the name."""

    def create(partitions: int = 1, **configs: str) -> str:
        name = f"contract-{uuid.uuid4().hex[:12]}"
        wanted = {
            "num_partitions": partitions,
            "replication_factor": 1,
            "configs": {key.replace("_", "."): value for key, value in configs.items()},
        }
        admin.create_topics({name: wanted}, wait_for_metadata=True)
        return name

    return create


@pytest.fixture
def topic(new_topic: Clients) -> str:
    """A topic with one partition."""
    name: str = new_topic()
    return name


@pytest.fixture
def group() -> str:
    """A consumer group of its own."""
    return f"group-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def wire(broker: LocalBroker) -> Iterator[Wire]:
    """A bare connection, for what a well-behaved client never does."""
    with Wire(broker.port) as connection:
        yield connection
