"""Requests of consumer groups and about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka.errors import (
    BrokerResponseError,
    GroupIdNotFoundError,
    InconsistentGroupProtocolError,
    MemberIdRequiredError,
    OffsetMetadataTooLargeError,
)
from kafka.protocol.admin import (
    DeleteGroupsResponse,
    DescribeGroupsResponse,
    ListGroupsResponse,
)
from kafka.protocol.consumer import (
    HeartbeatResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    OffsetCommitResponse,
    OffsetFetchResponse,
    SyncGroupResponse,
)

from infra.broker.embedded.broker import Broker
from infra.broker.embedded.catalogue import CommittedOffset
from infra.broker.embedded.client import Client
from infra.broker.embedded.group import Group
from infra.broker.embedded.member import Candidate, Member

MAX_METADATA = 4096  # bytes: Kafka's offset.metadata.max.bytes
NO_OFFSET = -1
DEAD = "Dead"  # what DescribeGroups calls a group that does not exist
CLASSIC = "classic"  # the group protocol, as opposed to KIP-848's "consumer"


async def join_group(broker: Broker, client: Client, request: Any) -> Any:
    timeout = request.session_timeout_ms / 1000
    rebalance = request.rebalance_timeout_ms / 1000
    candidate = Candidate(
        instance_id=request.group_instance_id,
        client_id=client.id,
        client_host=client.host,
        session_timeout=timeout,
        rebalance_timeout=rebalance if rebalance > 0 else timeout,
        protocol_type=request.protocol_type,
        protocols={p.name: bytes(p.metadata) for p in request.protocols},
    )
    try:
        joined = await broker.groups.join(
            request.group_id,
            request.member_id,
            candidate,
            id_required=request.API_VERSION >= 4,
            may_skip_assignment=request.API_VERSION >= 9,
        )
    except BrokerResponseError as error:
        invited = isinstance(error, MemberIdRequiredError)
        return JoinGroupResponse(
            error_code=error.errno,
            generation_id=-1,
            protocol_name="" if request.API_VERSION < 7 else None,
            leader="",
            member_id=error.args[0] if invited else request.member_id,
            members=[],
        )
    return JoinGroupResponse(
        error_code=0,
        generation_id=joined.generation,
        protocol_type=joined.protocol_type,
        protocol_name=joined.protocol,
        leader=joined.leader_id,
        skip_assignment=joined.skip_assignment,
        member_id=joined.member_id,
        members=[
            JoinGroupResponse.JoinGroupResponseMember(
                member_id=member_id, group_instance_id=instance_id, metadata=metadata
            )
            for member_id, instance_id, metadata in joined.members
        ],
    )


async def sync_group(broker: Broker, client: Client, request: Any) -> Any:
    try:
        group = broker.groups.require(request.group_id)
        for named, known in (
            (request.protocol_type, group.protocol_type),
            (request.protocol_name, group.protocol),
        ):
            if named is not None and named != known:
                raise InconsistentGroupProtocolError
        assignment = await group.sync(
            request.member_id,
            request.group_instance_id,
            request.generation_id,
            {a.member_id: bytes(a.assignment) for a in request.assignments},
        )
    except BrokerResponseError as error:
        return SyncGroupResponse(error_code=error.errno, assignment=b"")
    return SyncGroupResponse(
        error_code=0,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol,
        assignment=assignment,
    )


async def heartbeat(broker: Broker, client: Client, request: Any) -> Any:
    def beat() -> None:
        group = broker.groups.require(request.group_id)
        group.heartbeat(request.member_id, request.group_instance_id, request.generation_id)

    return HeartbeatResponse(error_code=_outcome(beat))


async def leave_group(broker: Broker, client: Client, request: Any) -> Any:
    def leave(member_id: str, instance_id: str | None) -> None:
        broker.groups.require(request.group_id).leave(member_id, instance_id)

    if request.API_VERSION < 3:
        return LeaveGroupResponse(error_code=_outcome(leave, request.member_id, None))
    return LeaveGroupResponse(
        error_code=0,
        members=[
            LeaveGroupResponse.MemberResponse(
                member_id=m.member_id,
                group_instance_id=m.group_instance_id,
                error_code=_outcome(leave, m.member_id, m.group_instance_id),
            )
            for m in request.members
        ],
    )


async def offset_commit(broker: Broker, client: Client, request: Any) -> Any:
    topic_class = OffsetCommitResponse.OffsetCommitResponseTopic
    accepted: list[CommittedOffset] = []
    answers: list[Any] = []
    for topic in request.topics:
        answer = topic_class(name=topic.name, partitions=[])
        answers.append(answer)
        for part in topic.partitions:
            refusal = _outcome(_check_offset, broker, topic.name, part)
            answer.partitions.append(
                topic_class.OffsetCommitResponsePartition(
                    partition_index=part.partition_index, error_code=refusal
                )
            )
            if not refusal:
                accepted.append(
                    CommittedOffset(
                        topic.name,
                        part.partition_index,
                        part.committed_offset,
                        part.committed_leader_epoch,
                        part.committed_metadata,
                    )
                )
    refusal = _outcome(
        broker.groups.commit,
        request.group_id,
        request.member_id,
        request.group_instance_id,
        request.generation_id_or_member_epoch,
        accepted,
    )
    for answer in answers:
        for partition in answer.partitions:
            partition.error_code = refusal or partition.error_code
    return OffsetCommitResponse(topics=answers)


def _check_offset(broker: Broker, topic: str, part: Any) -> None:
    broker.topics[topic].partition(part.partition_index)
    if len((part.committed_metadata or "").encode()) > MAX_METADATA:
        raise OffsetMetadataTooLargeError


async def offset_fetch(broker: Broker, client: Client, request: Any) -> Any:
    if request.API_VERSION < 8:
        topic_class = OffsetFetchResponse.OffsetFetchResponseTopic
        return OffsetFetchResponse(
            topics=_fetched(
                broker,
                request.group_id,
                request.topics,
                topic_class,
                topic_class.OffsetFetchResponsePartition,
            ),
            error_code=0,
        )
    group_class = OffsetFetchResponse.OffsetFetchResponseGroup
    topic_class = group_class.OffsetFetchResponseTopics
    return OffsetFetchResponse(
        groups=[
            group_class(
                group_id=group.group_id,
                topics=_fetched(
                    broker,
                    group.group_id,
                    group.topics,
                    topic_class,
                    topic_class.OffsetFetchResponsePartitions,
                ),
                error_code=0,
            )
            for group in request.groups
        ]
    )


def _fetched(
    broker: Broker, group_id: str, asked: Any, topic_class: Any, partition_class: Any
) -> list[Any]:
    """The group's offsets for the partitions asked for; all of them where `asked` is None."""
    committed = broker.groups.offsets(group_id)
    wanted: dict[str, list[int]] = {}
    if asked is None:
        for topic, partition in committed:
            wanted.setdefault(topic, []).append(partition)
    else:
        wanted = {topic.name: topic.partition_indexes for topic in asked}

    def offset(topic: str, partition: int) -> Any:
        at = committed.get((topic, partition))
        return partition_class(
            partition_index=partition,
            committed_offset=at.offset if at else NO_OFFSET,
            committed_leader_epoch=at.leader_epoch if at else NO_OFFSET,
            metadata=(at.metadata if at else None) or "",
            error_code=0,
        )

    return [
        topic_class(name=topic, partitions=[offset(topic, index) for index in partitions])
        for topic, partitions in wanted.items()
    ]


async def describe_groups(broker: Broker, client: Client, request: Any) -> Any:
    return DescribeGroupsResponse(
        groups=[
            _described(group_id, broker.groups.find(group_id), request.API_VERSION)
            for group_id in request.groups
        ]
    )


def _described(group_id: str, group: Group | None, version: int) -> Any:
    description = DescribeGroupsResponse.DescribedGroup
    if group is None:
        missing = version >= 6  # before that, a group that is not there is a dead one
        return description(
            error_code=GroupIdNotFoundError.errno if missing else 0,
            error_message=f"Group {group_id} not found." if missing else None,
            group_id=group_id,
            group_state=DEAD,
            members=[],
        )
    return description(
        error_code=0,
        group_id=group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type,
        protocol_data=group.protocol,
        members=[_described_member(group, member) for member in group.members.values()],
    )


def _described_member(group: Group, member: Member) -> Any:
    return DescribeGroupsResponse.DescribedGroup.DescribedGroupMember(
        member_id=member.id,
        group_instance_id=member.candidate.instance_id,
        client_id=member.candidate.client_id,
        client_host=f"/{member.candidate.client_host}",
        member_metadata=member.candidate.protocols.get(group.protocol, b""),
        member_assignment=member.assignment,
    )


async def list_groups(broker: Broker, client: Client, request: Any) -> Any:
    states = {state.lower() for state in request.states_filter or ()}
    types = {kind.lower() for kind in request.types_filter or ()}
    return ListGroupsResponse(
        error_code=0,
        groups=[
            ListGroupsResponse.ListedGroup(
                group_id=group.id,
                protocol_type=group.protocol_type,
                group_state=group.state.value,
                group_type=CLASSIC,
            )
            for group in broker.groups
            if (not states or group.state.value.lower() in states)
            and (not types or CLASSIC in types)
        ],
    )


async def delete_groups(broker: Broker, client: Client, request: Any) -> Any:
    return DeleteGroupsResponse(
        results=[
            DeleteGroupsResponse.DeletableGroupResult(
                group_id=group_id, error_code=_outcome(broker.groups.delete, group_id)
            )
            for group_id in request.groups_names
        ]
    )


def _outcome(act: Callable[..., None], *arguments: Any) -> int:
    """The error code of doing it; 0 is none."""
    try:
        act(*arguments)
    except BrokerResponseError as error:
        return int(error.errno)
    return 0
