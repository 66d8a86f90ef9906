"""Consumer groups: members share the partitions, leave, die, come back, and commit offsets."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import TopicPartition as Partition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import FencedInstanceIdError, NonEmptyGroupError
from kafka.structs import OffsetAndMetadata

from tests.contract.broker.conftest import Clients
from tests.contract.broker.wire import read, until
from tests.fixtures.brokers import LocalBroker

QUICK = {"session_timeout_ms": 1500}

MEMBER = """
import sys
from kafka import KafkaConsumer
bootstrap, topic, group = sys.argv[1:]
member = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group,
                       session_timeout_ms=1500, heartbeat_interval_ms=200)
member.topics()
while not member.assignment():
    member.poll(timeout_ms=100)
print("joined", flush=True)
while True:
    member.poll(timeout_ms=100)
"""


def shares(consumers: Sequence[KafkaConsumer]) -> list[set[int]]:
    """Who has which partitions, after each has had a turn.

    A long one: kafka-python forgets a join that ends while nobody polls, and begins another.
    """
    for consumer in consumers:
        consumer.poll(timeout_ms=200)
    return [{part.partition for part in consumer.assignment()} for consumer in consumers]


def until_shared(consumers: Sequence[KafkaConsumer], *sizes: int) -> None:
    def is_shared() -> bool:
        held = shares(consumers)
        return [len(share) for share in held] == list(sizes) and len(set().union(*held)) == 4

    until(is_shared, f"shares of {sizes} of the four partitions")


@pytest.fixture
def four(new_topic: Clients) -> str:
    """A topic with four partitions."""
    name: str = new_topic(partitions=4)
    return name


@pytest.fixture
def other_process(broker: LocalBroker, four: str, group: str) -> Iterator[Any]:
    """A member of the group in a process of its own, which can be killed."""
    member = subprocess.Popen(
        [sys.executable, "-c", MEMBER, broker.bootstrap, four, group], stdout=subprocess.PIPE
    )
    yield member
    member.kill()
    member.communicate()


class Watch(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Counts what a rebalance takes from a member and gives to it."""

    def __init__(self) -> None:
        self.revoked: list[int] = []
        self.assigned: list[int] = []

    def on_partitions_revoked(self, revoked: Sequence[Partition]) -> None:
        self.revoked += [part.partition for part in revoked]

    def on_partitions_assigned(self, assigned: Sequence[Partition]) -> None:
        self.assigned += [part.partition for part in assigned]

    def on_partitions_lost(self, lost: Sequence[Partition]) -> None:
        self.revoked += [part.partition for part in lost]


def test_two_members_share_and_one_takes_over_when_the_other_leaves(
    four: str, group: str, new_consumer: Clients
) -> None:
    first = new_consumer(four, group_id=group)
    until_shared([first], 4)
    second = new_consumer(four, group_id=group)
    until_shared([first, second], 2, 2)
    second.close()
    until_shared([first], 4)


def test_a_member_that_is_killed_loses_its_partitions(
    four: str, group: str, new_consumer: Clients, other_process: Any
) -> None:
    assert other_process.stdout.readline() == b"joined\n"
    survivor = new_consumer(four, group_id=group, **QUICK)
    until(lambda: len(shares([survivor])[0]) == 2, "half of the partitions")
    other_process.send_signal(signal.SIGKILL)
    until_shared([survivor], 4)


def test_a_member_that_stays_away_too_long_may_not_commit(
    four: str, group: str, new_consumer: Clients, admin: KafkaAdminClient
) -> None:
    """It stops polling: its client leaves for it, and the offsets are the other's to commit."""
    lazy = new_consumer(four, group_id=group, max_poll_interval_ms=500, **QUICK)
    until_shared([lazy], 4)
    until(lambda: not admin.describe_groups([group])[group]["members"], "it to be given up")
    keen = new_consumer(four, group_id=group, **QUICK)
    until_shared([keen], 4)


def test_the_next_consumer_goes_on_where_the_last_committed(
    topic: str, group: str, producer: KafkaProducer, new_consumer: Clients
) -> None:
    for number in range(6):
        producer.send(topic, value=b"%d" % number).get(10)
    first = new_consumer(topic, group_id=group, max_poll_records=2)
    read(first, 2)
    part = Partition(topic, 0)
    first.commit({part: OffsetAndMetadata(2, "two are done", -1)})
    first.close()

    second = new_consumer(topic, group_id=group)
    assert [record.offset for record in read(second, 4)] == [2, 3, 4, 5]
    assert second.committed(part) == 2
    assert second.committed(part, metadata=True).metadata == "two are done"


def test_a_group_that_never_committed_has_no_offset(
    topic: str, group: str, new_consumer: Clients
) -> None:
    assert new_consumer(group_id=group).committed(Partition(topic, 0)) is None


def test_lag_can_be_seen_from_outside(
    topic: str,
    group: str,
    producer: KafkaProducer,
    new_consumer: Clients,
    admin: KafkaAdminClient,
) -> None:
    for _ in range(5):
        producer.send(topic, value=b"x").get(10)
    consumer, part = new_consumer(topic, group_id=group), Partition(topic, 0)
    read(consumer, 5)
    consumer.commit({part: OffsetAndMetadata(3, "", -1)})

    committed = admin.list_group_offsets(group)[group][part].offset
    assert new_consumer().end_offsets([part])[part] - committed == 2


def test_a_group_is_described_with_its_members(
    four: str, group: str, new_consumer: Clients, admin: KafkaAdminClient
) -> None:
    consumer = new_consumer(four, group_id=group, client_id="somebody")
    until_shared([consumer], 4)
    described = admin.describe_groups([group])[group]
    assert (described["group_state"], described["protocol_type"]) == ("Stable", "consumer")
    (member,) = described["members"]
    assert (member["client_id"], member["client_host"]) == ("somebody", "/127.0.0.1")
    assert {"group_id": group, "group_state": "Stable"}.items() <= next(
        listed.items() for listed in admin.list_groups() if listed["group_id"] == group
    )


def test_a_group_can_be_deleted_once_it_is_empty(
    topic: str,
    group: str,
    producer: KafkaProducer,
    new_consumer: Clients,
    admin: KafkaAdminClient,
) -> None:
    producer.send(topic, value=b"x").get(10)
    consumer = new_consumer(topic, group_id=group)
    read(consumer, 1)
    consumer.commit()
    assert dict(admin.delete_groups([group]))[group] == NonEmptyGroupError.__name__
    consumer.close()
    assert admin.describe_groups([group])[group]["group_state"] == "Empty"
    assert dict(admin.delete_groups([group]))[group] == "OK"
    assert group not in {listed["group_id"] for listed in admin.list_groups()}
    assert new_consumer(group_id=group).committed(Partition(topic, 0)) is None


def test_a_static_member_comes_back_without_a_rebalance(
    four: str, group: str, new_consumer: Clients
) -> None:
    watch = Watch()
    stays = new_consumer(four, listener=watch, group_id=group, group_instance_id="stays")
    restarts = new_consumer(four, group_id=group, group_instance_id="restarts")
    until_shared([stays, restarts], 2, 2)
    held, seen = shares([stays, restarts]), (list(watch.revoked), list(watch.assigned))

    restarts.close()
    again = new_consumer(four, group_id=group, group_instance_id="restarts")
    until_shared([stays, again], 2, 2)

    assert shares([stays, again]) == held
    assert (watch.revoked, watch.assigned) == seen


def test_a_static_member_that_was_replaced_is_fenced(
    four: str, group: str, new_consumer: Clients
) -> None:
    old = new_consumer(four, group_id=group, group_instance_id="one", **QUICK)
    until_shared([old], 4)
    new = new_consumer(four, group_id=group, group_instance_id="one", **QUICK)
    until_shared([new], 4)
    with pytest.raises(FencedInstanceIdError):
        old.commit({Partition(four, 0): OffsetAndMetadata(1, "", -1)})


def test_a_cooperative_member_keeps_what_it_may_keep(
    four: str, group: str, new_consumer: Clients
) -> None:
    cooperative = {"partition_assignment_strategy": [CooperativeStickyAssignor]}
    watch = Watch()
    first = new_consumer(four, listener=watch, group_id=group, **cooperative)
    until_shared([first], 4)
    second = new_consumer(four, group_id=group, **cooperative)
    until_shared([first, second], 2, 2)
    assert sorted(watch.revoked) == sorted(shares([second])[0])
