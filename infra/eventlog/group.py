"""The group that doubles, as Kafka has it: which partitions its members were given."""

from kafka import KafkaConsumer, TopicPartition
from kafka.protocol.admin import DescribeGroupsRequest, DescribeGroupsResponse
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from infra.eventlog.topics import GROUP

_AT_REST = "Stable"


def unowned(member: KafkaConsumer, timeout_ms: int) -> set[TopicPartition]:
    """Partitions of a member's topics that no member of the group was given.

    None while the group shares them out, or is not known to this member.

    Raises:
        KafkaError: there was no answer.
    """
    coordinator = member._coordinator.coordinator_id
    if coordinator is None:
        return set()

    async def describe() -> DescribeGroupsResponse:
        request = DescribeGroupsRequest(groups=[GROUP])
        return await member._manager.send(request, coordinator, request_timeout_ms=timeout_ms)

    [group] = member._manager.run(describe).groups
    if group.group_state != _AT_REST:
        return set()
    given = {
        TopicPartition(part.topic, number)
        for described in group.members
        if described.member_assignment
        for part in _assigned(described.member_assignment)
        for number in part.partitions
    }
    return _partitions(member) - given


def _assigned(assignment: bytes):  # type: ignore[no-untyped-def]  # kafka-python has no types
    return ConsumerProtocolAssignment.decode(assignment).assigned_partitions


def _partitions(member: KafkaConsumer) -> set[TopicPartition]:
    return {
        TopicPartition(topic, number)
        for topic in member.subscription()
        for number in member.partitions_for_topic(topic) or ()
    }


def share_anew(member: KafkaConsumer) -> None:
    """Have the group share the partitions out once more; it does while its members poll."""
    member._coordinator.request_rejoin()
