"""Requests that write and read records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from kafka.errors import (
    BrokerResponseError,
    FencedLeaderEpochError,
    InvalidRequestError,
    InvalidRequiredAcksError,
    UnknownLeaderEpochError,
)
from kafka.protocol.admin import DeleteRecordsResponse
from kafka.protocol.consumer import (
    FetchResponse,
    ListOffsetsResponse,
    OffsetForLeaderEpochResponse,
    OffsetSpec,
)
from kafka.protocol.producer import InitProducerIdResponse, ProduceResponse

from infra.broker.embedded.batch import LEADER_EPOCH
from infra.broker.embedded.broker import Broker
from infra.broker.embedded.client import Client
from infra.broker.embedded.log import PartitionLog

NONE = -1  # Kafka's "no such offset" and "no such time"


async def produce(broker: Broker, client: Client, request: Any) -> Any:
    topic_response = ProduceResponse.TopicProduceResponse
    response = ProduceResponse(responses=[])
    for topic in request.topic_data:
        answers = topic_response(name=topic.name, partition_responses=[])
        response.responses.append(answers)
        for part in topic.partition_data:
            answer = topic_response.PartitionProduceResponse(
                index=part.index, error_code=0, base_offset=NONE, record_errors=[]
            )
            answers.partition_responses.append(answer)
            try:
                if request.acks not in (-1, 0, 1):
                    raise InvalidRequiredAcksError
                records = bytes(part.records or b"")
                answer.base_offset = broker.topics[topic.name].append(
                    part.index, records, broker.topics.now_ms
                )
                answer.log_start_offset = broker.topics[topic.name].partition(part.index).start
            except BrokerResponseError as error:
                answer.error_code = error.errno
                answer.error_message = str(error)
    broker.arrivals.announce()
    return response


async def init_producer_id(broker: Broker, client: Client, request: Any) -> Any:
    if request.transactional_id is not None:
        return InitProducerIdResponse(error_code=InvalidRequestError.errno)
    return InitProducerIdResponse(
        error_code=0, producer_id=broker.catalogue.take_producer_id(), producer_epoch=0
    )


async def fetch(broker: Broker, client: Client, request: Any) -> Any:
    """Answer at once with what there is, or wait for `min_bytes` until `max_wait_ms` have passed.

    Every fetch is a full one: no session is ever offered (session id 0), which clients expect
    of a broker that has no room for another.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.max_wait_ms / 1000
    while True:
        response, size, failed = _read(broker, request)
        left = deadline - loop.time()
        if failed or size >= request.min_bytes or left <= 0:
            return response
        await broker.arrivals.wait(left)


def _read(broker: Broker, request: Any) -> tuple[Any, int, bool]:
    """The response as of now, how many bytes of records it has, and whether a partition failed."""
    topic_response = FetchResponse.FetchableTopicResponse
    response = FetchResponse(error_code=0, session_id=0, responses=[])
    size, failed = 0, False
    for topic in request.topics:
        answers = topic_response(topic=topic.topic, partitions=[])
        response.responses.append(answers)
        for part in topic.partitions:
            answer = topic_response.PartitionData(
                partition_index=part.partition,
                error_code=0,
                high_watermark=NONE,
                aborted_transactions=None,
                records=b"",
            )
            answers.partitions.append(answer)
            try:
                log = _led(broker, topic.topic, part.partition, part.current_leader_epoch)
                answer.log_start_offset = log.start
                answer.high_watermark = answer.last_stable_offset = log.end
                answer.records = log.read(
                    part.fetch_offset,
                    min(part.partition_max_bytes, request.max_bytes - size),
                    at_least_one=size == 0,
                )
                size += len(answer.records)
            except BrokerResponseError as error:
                failed = True
                answer.error_code = error.errno
    return response, size, failed


async def list_offsets(broker: Broker, client: Client, request: Any) -> Any:
    def answer(topic: str, part: Any) -> Any:
        log = _led(broker, topic, part.partition_index, part.current_leader_epoch)
        offset, timestamp = _find_offset(log, part.timestamp)
        return {"offset": offset, "timestamp": timestamp, "leader_epoch": LEADER_EPOCH}

    return ListOffsetsResponse(
        topics=_each_partition(
            request,
            ListOffsetsResponse.ListOffsetsTopicResponse,
            ListOffsetsResponse.ListOffsetsTopicResponse.ListOffsetsPartitionResponse,
            answer,
        )
    )


def _find_offset(log: PartitionLog, timestamp: int) -> tuple[int, int]:
    """(offset, timestamp) that a ListOffsets timestamp, or one of its special values, asks for."""
    match timestamp:
        case OffsetSpec.LATEST:
            return log.end, NONE
        case OffsetSpec.EARLIEST | OffsetSpec.EARLIEST_LOCAL:
            return log.start, NONE
        case OffsetSpec.MAX_TIMESTAMP:
            return log.find_latest_time() or (NONE, NONE)
        case OffsetSpec.LATEST_TIERED:
            return NONE, NONE
        case _:
            return log.find_time(timestamp) or (NONE, NONE)


async def delete_records(broker: Broker, client: Client, request: Any) -> Any:
    def answer(topic: str, part: Any) -> Any:
        log = broker.topics[topic].partition(part.partition_index)
        log.trim(log.end if part.offset == NONE else part.offset)
        return {"low_watermark": log.start}

    return DeleteRecordsResponse(
        topics=_each_partition(
            request,
            DeleteRecordsResponse.DeleteRecordsTopicResult,
            DeleteRecordsResponse.DeleteRecordsTopicResult.DeleteRecordsPartitionResult,
            answer,
        )
    )


def _each_partition(
    request: Any, topic_class: Any, partition_class: Any, answer: Callable[[str, Any], Any]
) -> list[Any]:
    """`answer`'s fields for every partition that a request names, or the error that it raises."""

    def result(topic: str, part: Any) -> Any:
        try:
            fields = {"error_code": 0} | answer(topic, part)
        except BrokerResponseError as error:
            fields = {"error_code": error.errno}
        return partition_class(partition_index=part.partition_index, **fields)

    return [
        topic_class(name=topic.name, partitions=[result(topic.name, p) for p in topic.partitions])
        for topic in request.topics
    ]


async def offset_for_leader_epoch(broker: Broker, client: Client, request: Any) -> Any:
    """A client asks whether its position is still on the log: here the epoch never changes."""
    topic_class = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult

    def result(topic: str, part: Any) -> Any:
        fields = {"error_code": 0, "leader_epoch": NONE, "end_offset": NONE}
        try:
            log = _led(broker, topic, part.partition, part.current_leader_epoch)
            if part.leader_epoch == LEADER_EPOCH:
                fields |= {"leader_epoch": LEADER_EPOCH, "end_offset": log.end}
        except BrokerResponseError as error:
            fields["error_code"] = error.errno
        return topic_class.EpochEndOffset(partition=part.partition, **fields)

    return OffsetForLeaderEpochResponse(
        topics=[
            topic_class(
                topic=topic.topic, partitions=[result(topic.topic, p) for p in topic.partitions]
            )
            for topic in request.topics
        ]
    )


def _led(broker: Broker, topic: str, partition: int, epoch: int) -> PartitionLog:
    """The partition's log, where the client knows the right leader of it."""
    log = broker.topics[topic].partition(partition)
    if epoch > LEADER_EPOCH:
        raise UnknownLeaderEpochError
    if NONE < epoch < LEADER_EPOCH:
        raise FencedLeaderEpochError
    return log
