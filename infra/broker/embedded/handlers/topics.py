"""Requests about topics and their settings."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from kafka.errors import (
    BrokerResponseError,
    InvalidReplicationFactorError,
    InvalidRequestError,
)
from kafka.protocol.admin import (
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteTopicsResponse,
    DescribeConfigsResponse,
    IncrementalAlterConfigsResponse,
)

from infra.broker.embedded.broker import Broker
from infra.broker.embedded.client import Client
from infra.broker.embedded.configs import BROKER_CONFIGS, TOPIC_CONFIGS, ConfigType
from infra.broker.embedded.handlers.cluster import NO_ID
from infra.broker.embedded.topics import Topic

DEFAULT = -1  # "as the broker sees fit", for a number of partitions or replicas


class Resource(IntEnum):
    """What settings can belong to."""

    TOPIC = 2
    BROKER = 4


class Source(IntEnum):
    """Where the value of a setting comes from."""

    TOPIC = 1
    DEFAULT = 5


class Change(IntEnum):
    """What IncrementalAlterConfigs can do to a setting; lists would know two more."""

    SET = 0
    DELETE = 1


async def create_topics(broker: Broker, client: Client, request: Any) -> Any:
    return CreateTopicsResponse(
        topics=[_create(broker, asked, request.validate_only) for asked in request.topics]
    )


def _create(broker: Broker, asked: Any, validate_only: bool) -> Any:
    result = CreateTopicsResponse.CreatableTopicResult
    try:
        if asked.replication_factor not in (DEFAULT, 1):
            raise InvalidReplicationFactorError("there is one broker, so one replica")
        wanted = len(asked.assignments) or asked.num_partitions
        entry = broker.topics.check_new(
            asked.name,
            1 if wanted == DEFAULT else wanted,
            {config.name: config.value for config in asked.configs},
        )
        if not validate_only:
            broker.topics.create(entry)
    except BrokerResponseError as error:
        return result(
            name=asked.name, topic_id=NO_ID, error_code=error.errno, error_message=str(error)
        )
    return result(
        name=entry.name,
        topic_id=entry.id,
        error_code=0,
        error_message=None,
        num_partitions=entry.partitions,
        replication_factor=1,
        configs=[
            result.CreatableTopicConfigs(
                name=name,
                value=entry.configs.get(name, config.default),
                read_only=False,
                config_source=Source.TOPIC if name in entry.configs else Source.DEFAULT,
                is_sensitive=False,
            )
            for name, config in TOPIC_CONFIGS.items()
        ],
    )


async def delete_topics(broker: Broker, client: Client, request: Any) -> Any:
    asked = [(t.name, t.topic_id) for t in request.topics or ()]
    asked += [(name, NO_ID) for name in request.topic_names or ()]
    return DeleteTopicsResponse(responses=[_delete(broker, *topic) for topic in asked])


def _delete(broker: Broker, name: str | None, topic_id: Any) -> Any:
    error: BrokerResponseError | None = None
    try:
        if name is None:
            name = broker.topics.with_id(topic_id).name
        broker.topics.delete(name)
        broker.arrivals.announce()  # who waits for its records is to hear that it is gone
    except BrokerResponseError as raised:
        error = raised
    return DeleteTopicsResponse.DeletableTopicResult(
        name=name,
        topic_id=topic_id,
        error_code=error.errno if error else 0,
        error_message=str(error) if error else None,
    )


async def create_partitions(broker: Broker, client: Client, request: Any) -> Any:
    def add(asked: Any) -> None:
        if not request.validate_only:
            broker.topics.add_partitions(asked.name, asked.count)

    return CreatePartitionsResponse(
        results=[
            CreatePartitionsResponse.CreatePartitionsTopicResult(
                name=asked.name, **_try(add, asked)
            )
            for asked in request.topics
        ]
    )


async def describe_configs(broker: Broker, client: Client, request: Any) -> Any:
    return DescribeConfigsResponse(
        results=[_describe(broker, resource) for resource in request.resources]
    )


def _describe(broker: Broker, resource: Any) -> Any:
    result = DescribeConfigsResponse.DescribeConfigsResult
    configs: list[Any] = []

    def describe(resource: Any) -> None:
        if resource.resource_type == Resource.TOPIC:
            configs.extend(_topic_configs(broker.topics[resource.resource_name]))
        elif resource.resource_type == Resource.BROKER:
            configs.extend(
                _config(name, value, ConfigType.STRING, Source.DEFAULT)
                for name, value in BROKER_CONFIGS.items()
            )
        else:
            raise InvalidRequestError("only topics and the broker have settings here")

    outcome = _try(describe, resource)
    keys = resource.configuration_keys
    return result(
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=[config for config in configs if keys is None or config.name in keys],
        **outcome,
    )


def _topic_configs(topic: Topic) -> list[Any]:
    own = topic.entry.configs
    return [
        _config(
            name, topic.config(name), config.type, Source.TOPIC if name in own else Source.DEFAULT
        )
        for name, config in TOPIC_CONFIGS.items()
    ]


def _config(name: str, value: str, kind: ConfigType, source: Source) -> Any:
    return DescribeConfigsResponse.DescribeConfigsResult.DescribeConfigsResourceResult(
        name=name,
        value=value,
        read_only=False,
        config_source=source,
        is_default=source is Source.DEFAULT,
        is_sensitive=False,
        synonyms=[],
        config_type=kind,
        documentation=None,
    )


async def alter_configs(broker: Broker, client: Client, request: Any) -> Any:
    def alter(resource: Any) -> None:
        if resource.resource_type != Resource.TOPIC:
            raise InvalidRequestError("only a topic's settings can be changed here")
        configs = dict(broker.topics[resource.resource_name].entry.configs)
        for config in resource.configs:
            if config.config_operation == Change.SET:
                configs[config.name] = config.value
            elif config.config_operation == Change.DELETE:
                configs.pop(config.name, None)
            else:
                raise InvalidRequestError("settings can only be set or deleted here")
        if not request.validate_only:
            broker.topics.configure(resource.resource_name, configs)

    return IncrementalAlterConfigsResponse(
        responses=[
            IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
                **_try(alter, resource),
            )
            for resource in request.resources
        ]
    )


def _try(act: Callable[[Any], None], asked: Any) -> dict[str, Any]:
    """Do it; the outcome as the fields that results have in common."""
    try:
        act(asked)
    except BrokerResponseError as error:
        return {"error_code": error.errno, "error_message": str(error)}
    return {"error_code": 0, "error_message": None}
