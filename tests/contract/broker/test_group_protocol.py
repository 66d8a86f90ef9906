"""What the group coordinator answers, request by request, to members that do not behave."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka.errors import (
    FencedInstanceIdError,
    IllegalGenerationError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    MemberIdRequiredError,
    NoError,
    OffsetMetadataTooLargeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.protocol.consumer import (
    ConsumerProtocolSubscription,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    OffsetCommitRequest,
    SyncGroupRequest,
)
from kafka.protocol.metadata import FindCoordinatorRequest

from tests.contract.broker.wire import Wire, until
from tests.fixtures.brokers import LocalBroker

# Apache Kafka reads it: one that it cannot read leaves the member without an answer.
SUBSCRIPTION = bytes(ConsumerProtocolSubscription(topics=["any"], user_data=b"").encode(version=0))


class Member:
    """A member of a group on a connection of its own, which does only what it is told."""

    def __init__(self, port: int, group: str, instance: str | None = None) -> None:
        self.wire = Wire(port)
        self.group = group
        self.instance = instance
        self.id = ""
        self.generation = -1

    def ask_to_join(self, *protocols: tuple[str, bytes], timeout_ms: int = 10_000) -> Any:
        offers = [
            JoinGroupRequest.JoinGroupRequestProtocol(name=name, metadata=metadata)
            for name, metadata in protocols or [("range", SUBSCRIPTION)]
        ]
        request = JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=timeout_ms,
            rebalance_timeout_ms=10_000,
            member_id=self.id,
            group_instance_id=self.instance,
            protocol_type="consumer",
            protocols=offers,
        )
        return self.wire.ask(request, 9)

    def join(self, *protocols: tuple[str, bytes]) -> Any:
        """Join, with the id that the coordinator gives a new member."""
        answer = self.ask_to_join(*protocols)
        if for_code(answer.error_code) is MemberIdRequiredError:
            self.id = answer.member_id
            answer = self.ask_to_join(*protocols)
        assert for_code(answer.error_code) is NoError
        self.id, self.generation = answer.member_id, answer.generation_id
        return answer

    def sync(self, **shares: bytes) -> Any:
        assignments = [
            SyncGroupRequest.SyncGroupRequestAssignment(member_id=member, assignment=share)
            for member, share in shares.items()
        ]
        return self.wire.ask(SyncGroupRequest(**self._identity(), assignments=assignments), 4)

    def beat(self) -> type[Exception]:
        answer = self.wire.ask(HeartbeatRequest(**self._identity()), 4)
        return for_code(answer.error_code)  # type: ignore[no-any-return]

    def leave(self) -> type[Exception]:
        identity = LeaveGroupRequest.MemberIdentity(
            member_id=self.id, group_instance_id=self.instance
        )
        answer = self.wire.ask(LeaveGroupRequest(group_id=self.group, members=[identity]), 5)
        return for_code(answer.members[0].error_code)  # type: ignore[no-any-return]

    def commit(self, topic: str, partition: int = 0, metadata: str = "") -> type[Exception]:
        topic_class = OffsetCommitRequest.OffsetCommitRequestTopic
        part = topic_class.OffsetCommitRequestPartition(
            partition_index=partition, committed_offset=1, committed_metadata=metadata
        )
        identity = self._identity()
        identity["generation_id_or_member_epoch"] = identity.pop("generation_id")
        request = OffsetCommitRequest(
            **identity, topics=[topic_class(name=topic, partitions=[part])]
        )
        answer = self.wire.ask(request, 8)
        return for_code(answer.topics[0].partitions[0].error_code)  # type: ignore[no-any-return]

    def _identity(self) -> dict[str, Any]:
        return {
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.id,
            "group_instance_id": self.instance,
        }


@pytest.fixture
def new_member(broker: LocalBroker, group: str) -> Any:
    """Makes members of one group, once its coordinator is there."""
    with Wire(broker.port) as wire:
        find = FindCoordinatorRequest(key_type=0, coordinator_keys=[group])
        beat = HeartbeatRequest(group_id=group, generation_id=1, member_id="nobody")
        until(
            lambda: (
                wire.ask(find, 4).coordinators[0].error_code == 0
                and for_code(wire.ask(beat, 4).error_code) is UnknownMemberIdError
            ),
            "the coordinator, which a new cluster does not have at once",
        )
    made: list[Member] = []

    def make(instance: str | None = None, of: str = group) -> Member:
        made.append(Member(broker.port, of, instance))
        return made[-1]

    yield make
    for member in made:
        member.wire.__exit__()


def stable(member: Member) -> Member:
    """Let it be the only member, with an assignment."""
    member.join()
    assert member.sync(**{member.id: b"all"}).assignment == b"all"
    return member


def test_a_new_member_is_first_given_an_id(new_member: Any) -> None:
    member = new_member()
    answer = member.ask_to_join()
    assert for_code(answer.error_code) is MemberIdRequiredError
    assert answer.member_id


def test_the_first_member_leads_and_hears_of_all(new_member: Any) -> None:
    member = new_member()
    answer = member.join()
    assert (answer.leader, answer.protocol_name) == (member.id, "range")
    assert [(m.member_id, m.metadata) for m in answer.members] == [(member.id, SUBSCRIPTION)]


def test_a_member_that_nobody_knows(new_member: Any, topic: str) -> None:
    stable(new_member())
    stranger = new_member()
    stranger.id, stranger.generation = "stranger", 1
    assert for_code(stranger.ask_to_join().error_code) is UnknownMemberIdError
    assert for_code(stranger.sync().error_code) is UnknownMemberIdError
    assert stranger.beat() is UnknownMemberIdError
    assert stranger.commit(topic) is UnknownMemberIdError
    assert stranger.leave() is UnknownMemberIdError


def test_a_group_that_nobody_knows(new_member: Any, topic: str) -> None:
    stranger = new_member(of=f"nobody-{uuid.uuid4().hex}")
    stranger.id, stranger.generation = "stranger", 1
    assert for_code(stranger.ask_to_join().error_code) is UnknownMemberIdError
    assert stranger.beat() is UnknownMemberIdError
    assert stranger.commit(topic) is IllegalGenerationError


def test_a_generation_that_is_over(new_member: Any, topic: str) -> None:
    member = stable(new_member())
    member.generation -= 1
    assert member.beat() is IllegalGenerationError
    assert for_code(member.sync().error_code) is IllegalGenerationError
    assert member.commit(topic) is IllegalGenerationError


def test_an_outsider_may_commit_only_for_a_group_without_members(
    new_member: Any, topic: str
) -> None:
    outsider, member = new_member(), new_member()
    assert outsider.commit(topic) is NoError
    stable(member)
    assert outsider.commit(topic) is UnknownMemberIdError
    assert member.leave() is NoError
    assert outsider.commit(topic) is NoError


def test_offsets_that_cannot_be_committed(new_member: Any, topic: str) -> None:
    member = stable(new_member())
    assert member.commit("no-such-topic") is UnknownTopicOrPartitionError
    assert member.commit(topic, partition=1) is UnknownTopicOrPartitionError
    assert member.commit(topic, metadata="x" * 4097) is OffsetMetadataTooLargeError
    assert member.commit(topic, metadata="x" * 4096) is NoError


def test_a_generation_that_has_no_assignment_yet(new_member: Any, topic: str) -> None:
    member = new_member()
    member.join()
    assert member.beat() is NoError
    assert member.commit(topic) is RebalanceInProgressError
    assert for_code(member.ask_to_join().error_code) is NoError  # its answer may have been lost
    assert member.sync(**{member.id: b"all"}).assignment == b"all"
    assert member.commit(topic) is NoError
    assert member.sync().assignment == b"all"  # and so may this one


def test_a_newcomer_makes_the_others_join_again(new_member: Any, topic: str) -> None:

    old, newcomer = stable(new_member()), new_member()
    with ThreadPoolExecutor() as pool:
        joining = pool.submit(newcomer.join)
        until(lambda: old.beat() is RebalanceInProgressError, "the rebalance")
        assert old.commit(topic) is NoError  # the last chance before it joins again
        assert for_code(old.sync().error_code) is RebalanceInProgressError
        led = old.join()
        joined = joining.result(10)
        assert led.generation_id == joined.generation_id
        assert (led.leader, joined.leader) == (old.id, old.id)
        assert {m.member_id for m in led.members} == {old.id, newcomer.id}
        assert joined.members == []
        waiting = pool.submit(newcomer.sync)
        assert old.sync(**{old.id: b"a", newcomer.id: b"b"}).assignment == b"a"
        assert waiting.result(10).assignment == b"b"


def test_protocols_that_do_not_fit(new_member: Any) -> None:
    stable(new_member())
    answer = new_member().ask_to_join(("sticky", SUBSCRIPTION))
    assert for_code(answer.error_code) is InconsistentGroupProtocolError


def test_limits_of_a_join(new_member: Any) -> None:
    quick = new_member().ask_to_join(timeout_ms=10)
    assert for_code(quick.error_code) is InvalidSessionTimeoutError
    nameless = new_member(of="").ask_to_join()
    assert for_code(nameless.error_code) is InvalidGroupIdError


def test_a_static_leader_that_restarts_need_not_assign(new_member: Any) -> None:
    old = stable(new_member("one"))
    new = new_member("one")
    answer = new.join()
    assert (answer.generation_id, answer.leader) == (old.generation, new.id)
    assert answer.skip_assignment
    assert [m.group_instance_id for m in answer.members] == ["one"]
    assert new.sync().assignment == b"all"
    assert old.beat() is FencedInstanceIdError
    assert for_code(old.sync().error_code) is FencedInstanceIdError
    assert old.leave() is FencedInstanceIdError
    assert new.beat() is NoError


def test_a_static_member_can_be_removed_by_its_name(new_member: Any) -> None:
    member, operator = stable(new_member("one")), new_member("one")
    assert operator.leave() is NoError
    assert member.beat() is UnknownMemberIdError
