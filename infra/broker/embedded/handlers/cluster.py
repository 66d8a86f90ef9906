"""Requests about the cluster itself, which is this one node."""

from __future__ import annotations

import uuid
from typing import Any

from kafka.errors import BrokerResponseError, InvalidTopicError
from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse

from infra.broker.claim import HOST
from infra.broker.embedded.batch import LEADER_EPOCH
from infra.broker.embedded.broker import NODE_ID, Broker
from infra.broker.embedded.client import Client
from infra.broker.embedded.topics import LEGAL_NAME, Topic

NO_ID = uuid.UUID(int=0)


async def metadata(broker: Broker, client: Client, request: Any) -> Any:
    response = MetadataResponse
    asks_for_all = request.topics is None or (request.API_VERSION == 0 and not request.topics)
    return response(
        brokers=[
            response.MetadataResponseBroker(node_id=NODE_ID, host=HOST, port=broker.port, rack=None)
        ],
        cluster_id=broker.catalogue.cluster_id,
        controller_id=NODE_ID,
        topics=[_described(topic) for topic in broker.topics]
        if asks_for_all
        else [_asked_for(broker, asked) for asked in request.topics],
    )


def _asked_for(broker: Broker, asked: Any) -> Any:
    try:
        if asked.name is None:
            return _described(broker.topics.with_id(asked.topic_id))
        if not LEGAL_NAME.fullmatch(asked.name):
            raise InvalidTopicError
        return _described(broker.topics[asked.name])
    except BrokerResponseError as error:
        code = error.errno
    return MetadataResponse.MetadataResponseTopic(
        error_code=code, name=asked.name, topic_id=asked.topic_id or NO_ID, partitions=[]
    )


def _described(topic: Topic) -> Any:
    description = MetadataResponse.MetadataResponseTopic
    return description(
        error_code=0,
        name=topic.name,
        topic_id=topic.id,
        partitions=[
            description.MetadataResponsePartition(
                error_code=0,
                partition_index=index,
                leader_id=NODE_ID,
                leader_epoch=LEADER_EPOCH,
                replica_nodes=[NODE_ID],
                isr_nodes=[NODE_ID],
                offline_replicas=[],
            )
            for index in range(len(topic.partitions))
        ],
    )


async def find_coordinator(broker: Broker, client: Client, request: Any) -> Any:
    node = {"node_id": NODE_ID, "host": HOST, "port": broker.port}
    if request.API_VERSION < 4:
        return FindCoordinatorResponse(error_code=0, error_message=None, **node)
    return FindCoordinatorResponse(
        coordinators=[
            FindCoordinatorResponse.Coordinator(key=key, error_code=0, error_message=None, **node)
            for key in request.coordinator_keys
        ]
    )


async def describe_cluster(broker: Broker, client: Client, request: Any) -> Any:
    return DescribeClusterResponse(
        error_code=0,
        cluster_id=broker.catalogue.cluster_id,
        controller_id=NODE_ID,
        brokers=[
            DescribeClusterResponse.DescribeClusterBroker(
                broker_id=NODE_ID, host=HOST, port=broker.port, rack=None
            )
        ],
    )
