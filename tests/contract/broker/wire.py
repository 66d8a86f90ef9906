"""A bare Kafka connection: one request out, one response in. And patience."""

import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Self

from kafka.errors import NotLeaderForPartitionError, for_code
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

PATIENCE_SECONDS = 30  # for what is to happen soon, on a machine that may be busy

Header = tuple[str, bytes | None]


class Wire:
    """Sends kafka-python's messages over a socket, without any of a client's care."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Any, version: int) -> Any:
        """Send a request in a version, and read its response."""
        request.API_VERSION = version
        request.with_header(correlation_id=7, client_id="wire")
        self.send(bytes(request.encode(header=True, framed=True)))
        response = request.header.get_response_class()
        return response.decode(self.receive(), version=version, header=True)

    def send(self, frame: bytes) -> None:
        self._socket.sendall(frame)

    def receive(self) -> bytes:
        """The next frame's content; b"" where the broker has closed the connection."""
        head = self._read(4)
        return self._read(struct.unpack(">i", head)[0]) if head else b""

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except ConnectionResetError:
                return b""
            if not more:
                return b""
            data += more
        return data

    def produce(self, topic: str, records: bytes, partition: int = 0) -> Any:
        """Produce one batch to one partition; returns that partition's answer."""
        part = ProduceRequest.TopicProduceData.PartitionProduceData(
            index=partition, records=records
        )
        data = ProduceRequest.TopicProduceData(name=topic, partition_data=[part])
        answers: list[Any] = []

        def is_answered() -> bool:
            request = ProduceRequest(acks=-1, timeout_ms=5000, topic_data=[data])
            answers.append(self.ask(request, 9).responses[0].partition_responses[0])
            return for_code(answers[-1].error_code) is not NotLeaderForPartitionError

        until(is_answered, "a leader, which a new partition does not have at once")
        return answers[-1]


def batch(
    *values: bytes,
    headers: list[Header] | None = None,
    timestamp: int | None = None,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
) -> bytes:
    """A record batch as a producer would send it."""
    builder = MemoryRecordsBuilder(
        magic=2,
        compression_type=0,
        batch_size=1 << 20,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )
    at = int(time.time() * 1000) if timestamp is None else timestamp
    for value in values:
        builder.append(timestamp=at, key=None, value=value, headers=headers or [])
    builder.close()
    return bytes(builder.buffer())


def until(condition: Callable[[], object], what: str) -> None:
    """Try again and again until `condition` holds; fails, saying `what`, when it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.01)


def read(consumer: Any, count: int) -> list[Any]:
    """The next `count` records of a consumer, in the order in which it gives them."""
    records: list[Any] = []

    def has_all() -> bool:
        for batch in consumer.poll(timeout_ms=200).values():
            records.extend(batch)
        return len(records) >= count

    until(has_all, f"{count} records")
    return records
