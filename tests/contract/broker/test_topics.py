"""Topics come and go only when they are told to, with the settings that they were given."""

import uuid

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from tests.contract.broker.conftest import Clients
from tests.contract.broker.wire import until
from tests.fixtures.brokers import LocalBroker


def wanted(partitions: int = 1, replicas: int = 1, **configs: str) -> dict[str, object]:
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    return {"num_partitions": partitions, "replication_factor": replicas, "configs": settings}


def settings(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    configs = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: config["value"] for name, config in configs.items()}


def test_a_topic_is_described_as_it_was_created(
    admin: KafkaAdminClient, new_topic: Clients
) -> None:
    topic = new_topic(partitions=3)
    (described,) = admin.describe_topics([topic])
    assert described["name"] == topic
    assert sorted(part["partition_index"] for part in described["partitions"]) == [0, 1, 2]
    assert {part["leader_id"] for part in described["partitions"]} == {1}
    assert topic in admin.list_topics()


def test_a_topic_cannot_be_created_twice(admin: KafkaAdminClient, topic: str) -> None:
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics({topic: wanted()})


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (wanted(partitions=0), InvalidPartitionsError),
        (wanted(replicas=2), InvalidReplicationFactorError),
        (wanted(retention_ms="soon"), InvalidConfigurationError),
        (wanted(no_such_setting="1"), InvalidConfigurationError),
        (wanted(max_message_bytes="-1"), InvalidConfigurationError),
    ],
)
def test_a_topic_that_cannot_be_is_refused(
    admin: KafkaAdminClient, request_: dict[str, object], error: type[Exception]
) -> None:
    name = f"refused-{uuid.uuid4().hex[:12]}"
    with pytest.raises(error):
        admin.create_topics({name: request_})
    assert name not in admin.list_topics()


@pytest.mark.parametrize("name", ["..", "a topic", "a/b", "x" * 250])
def test_an_illegal_name_is_refused(admin: KafkaAdminClient, name: str) -> None:
    with pytest.raises(InvalidTopicError):
        admin.create_topics({name: wanted()})


def test_the_broker_chooses_where_it_is_asked_to(admin: KafkaAdminClient) -> None:
    name = f"default-{uuid.uuid4().hex[:12]}"
    admin.create_topics({name: wanted(partitions=-1, replicas=-1)}, wait_for_metadata=True)
    (described,) = admin.describe_topics([name])
    assert len(described["partitions"]) == 1


def test_validating_creates_nothing(admin: KafkaAdminClient) -> None:
    name = f"validated-{uuid.uuid4().hex[:12]}"
    admin.create_topics({name: wanted()}, validate_only=True)
    assert name not in admin.list_topics()


def test_settings_are_those_given_and_otherwise_defaults(
    admin: KafkaAdminClient, new_topic: Clients
) -> None:
    own = settings(admin, new_topic(retention_ms="60000", max_message_bytes="12345"))
    assert (own["retention.ms"], own["max.message.bytes"]) == ("60000", "12345")
    default = settings(admin, new_topic())
    names = ["retention.ms", "retention.bytes", "max.message.bytes", "cleanup.policy"]
    assert [default[name] for name in names] == ["604800000", "-1", "1048588", "delete"]


def test_settings_can_be_changed(admin: KafkaAdminClient, topic: str) -> None:
    change = {"retention.ms": "60000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, change)])
    until(lambda: settings(admin, topic)["retention.ms"] == "60000", "the new retention")


def test_partitions_can_be_added(
    admin: KafkaAdminClient, topic: str, new_consumer: Clients
) -> None:
    admin.create_partitions({topic: 3})
    until(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 3, "three partitions")
    with pytest.raises(InvalidPartitionsError):
        admin.create_partitions({topic: 2})


def test_producing_does_not_create_a_topic(admin: KafkaAdminClient, broker: LocalBroker) -> None:
    name = f"unknown-{uuid.uuid4().hex[:12]}"
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=1000)
    with pytest.raises((KafkaTimeoutError, UnknownTopicOrPartitionError)):
        producer.send(name, value=b"x").get(10)
    producer.close(timeout=1)
    assert name not in admin.list_topics()


def test_consuming_does_not_create_a_topic(
    admin: KafkaAdminClient, new_consumer: Clients, group: str
) -> None:
    name = f"unknown-{uuid.uuid4().hex[:12]}"
    new_consumer(name, group_id=group).poll(timeout_ms=300)
    assert name not in admin.list_topics()


def test_a_deleted_topic_is_gone_and_a_new_one_of_its_name_is_empty(
    admin: KafkaAdminClient, topic: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    producer.send(topic, value=b"old").get(10)
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics(), "the topic to go")
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([topic])
    admin.create_topics({topic: wanted()}, wait_for_metadata=True)
    partition = TopicPartition(topic, 0)
    assert new_consumer().end_offsets([partition]) == {partition: 0}
