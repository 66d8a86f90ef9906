"""Every kind of request that the broker understands, in which versions, and what answers it.

The versions stop short of those that name topics by their id alone (Produce 13, Fetch 13,
OffsetCommit 10, OffsetFetch 10); a client takes the highest that it shares with the broker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from kafka.errors import UnsupportedVersionError
from kafka.protocol import admin, consumer, metadata, producer
from kafka.protocol.metadata import ApiVersionsResponse

from infra.broker.embedded.broker import Broker
from infra.broker.embedded.client import Client
from infra.broker.embedded.handlers import cluster, groups, records, topics


@dataclass(frozen=True)
class Api:
    """One kind of request; `message` is its class, `lowest` and `highest` its versions."""

    message: Any
    lowest: int
    highest: int
    answer: Callable[[Broker, Client, Any], Awaitable[Any]]

    @property
    def key(self) -> int:
        return int(self.message.API_KEY)


async def api_versions(broker: Broker, client: Client, request: Any) -> Any:
    return versions()


def versions(error_code: int = 0) -> Any:
    """What this broker understands."""
    return ApiVersionsResponse(
        error_code=error_code,
        api_keys=[
            ApiVersionsResponse.ApiVersion(
                api_key=api.key,
                # librdkafka takes a broker that does not list Produce 0 for one without ApiVersions
                # (KIP-896); Apache Kafka lists it, and refuses it, for the same reason.
                min_version=0 if api.message is producer.ProduceRequest else api.lowest,
                max_version=api.highest,
            )
            for api in APIS.values()
        ],
    )


def unsupported_versions() -> Any:
    """The answer to an ApiVersions request of a version from the future (KIP-511): in version 0."""
    return versions(UnsupportedVersionError.errno)


APIS = {
    api.key: api
    for api in (
        Api(producer.ProduceRequest, 3, 11, records.produce),
        Api(consumer.FetchRequest, 4, 12, records.fetch),
        Api(consumer.ListOffsetsRequest, 1, 10, records.list_offsets),
        Api(metadata.MetadataRequest, 0, 12, cluster.metadata),
        Api(consumer.OffsetCommitRequest, 2, 9, groups.offset_commit),
        Api(consumer.OffsetFetchRequest, 1, 9, groups.offset_fetch),
        Api(metadata.FindCoordinatorRequest, 0, 5, cluster.find_coordinator),
        Api(consumer.JoinGroupRequest, 0, 9, groups.join_group),
        Api(consumer.HeartbeatRequest, 0, 4, groups.heartbeat),
        Api(consumer.LeaveGroupRequest, 0, 5, groups.leave_group),
        Api(consumer.SyncGroupRequest, 0, 5, groups.sync_group),
        Api(admin.DescribeGroupsRequest, 0, 6, groups.describe_groups),
        Api(admin.ListGroupsRequest, 0, 5, groups.list_groups),
        Api(metadata.ApiVersionsRequest, 0, 4, api_versions),
        Api(admin.CreateTopicsRequest, 2, 7, topics.create_topics),
        Api(admin.DeleteTopicsRequest, 1, 6, topics.delete_topics),
        Api(admin.DeleteRecordsRequest, 0, 2, records.delete_records),
        Api(producer.InitProducerIdRequest, 0, 4, records.init_producer_id),
        Api(consumer.OffsetForLeaderEpochRequest, 2, 4, records.offset_for_leader_epoch),
        Api(admin.DescribeConfigsRequest, 1, 4, topics.describe_configs),
        Api(admin.CreatePartitionsRequest, 0, 3, topics.create_partitions),
        Api(admin.DeleteGroupsRequest, 0, 2, groups.delete_groups),
        Api(admin.IncrementalAlterConfigsRequest, 0, 1, topics.alter_configs),
        Api(admin.DescribeClusterRequest, 0, 2, cluster.describe_cluster),
    )
}
