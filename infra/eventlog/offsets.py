"""How far the topics reach, and how far the group has come."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    RetriableError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from infra.clock import Clock, utc_now
from infra.eventlog.clients import open_admin, open_reader, translated
from infra.eventlog.topics import GROUP, INTAKE
from infra.settings import Settings

_COORDINATOR_S = 10.0
"""How long a cluster may take to make or move the group's coordinator."""
_RETRY_S = 0.1
_READ_MS = 2_000
"""How long to wait for one record whose age is asked for."""


@dataclass(frozen=True)
class PartitionOffsets:
    """One partition of an intake topic, from Kafka's point of view."""

    topic: str
    partition: int
    beginning: int
    """First offset still on disk; what lay before was deleted by retention."""
    end: int
    """Offset of the next record: with neither transactions nor compaction, how many there were."""
    committed: int
    """Offset of the first record that the group has not settled; 0 where it never committed."""

    @property
    def lag(self) -> int:
        """Records not settled yet."""
        return self.end - self.committed


def intake_offsets(settings: Settings) -> list[PartitionOffsets]:
    """Every partition of the intake topics; none where they do not exist yet.

    Raises:
        EventLogUnavailable: Kafka does not answer.
    """
    with open_admin(settings) as admin:
        committed = _committed(admin)
        consumer = open_reader(settings)
        with translated(settings):
            try:
                partitions = _partitions(admin)
                beginnings = consumer.beginning_offsets(partitions)
                ends = consumer.end_offsets(partitions)
            finally:
                consumer.close()
    return [
        PartitionOffsets(
            partition.topic,
            partition.partition,
            beginnings[partition],
            ends[partition],
            committed[partition].offset if partition in committed else 0,
        )
        for partition in partitions
    ]


def seconds_behind(
    consumer: KafkaConsumer, offsets: PartitionOffsets, clock: Clock = utc_now
) -> float:
    """Age of the oldest record that is not settled; 0 where there is none."""
    if offsets.lag == 0:
        return 0.0
    partition = TopicPartition(offsets.topic, offsets.partition)
    consumer.assign([partition])
    consumer.seek(partition, max(offsets.committed, offsets.beginning))
    records = consumer.poll(timeout_ms=_READ_MS, max_records=1).get(partition, [])
    if not records:
        return 0.0
    sent_at = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
    return max(0.0, (clock() - sent_at).total_seconds())


def _committed(admin: KafkaAdminClient) -> dict[TopicPartition, OffsetAndMetadata]:
    """What the group has committed; a fresh cluster makes its coordinator at the first question."""
    deadline = time.monotonic() + _COORDINATOR_S
    while True:
        try:
            return dict(admin.list_group_offsets(GROUP).get(GROUP, {}))
        except RetriableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)


def _partitions(admin: KafkaAdminClient) -> list[TopicPartition]:
    try:
        described = admin.describe_topics(list(INTAKE))
    except UnknownTopicOrPartitionError:
        return []
    return sorted(
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in described
        for partition in topic["partitions"]
    )
