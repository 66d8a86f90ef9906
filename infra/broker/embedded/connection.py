"""One client's connection: frames in, answers out, in the order of the requests.

Frame: a length (int32), then a header (api key int16, version int16, correlation id int32, client
id), then the message. https://kafka.apache.org/protocol#protocol_messages
"""

from __future__ import annotations

import asyncio
import logging
import struct
from typing import Any

from kafka.protocol.metadata import ApiVersionsRequest

from infra.broker.embedded.apis import APIS, unsupported_versions
from infra.broker.embedded.broker import Broker
from infra.broker.embedded.client import Client

LENGTH = struct.Struct(">i")
FIXED_HEADER = struct.Struct(">hhi")
MAX_REQUEST = 100 << 20  # bytes: Kafka's socket.request.max.bytes

logger = logging.getLogger(__name__)


class ProtocolError(Exception):
    """The client sent what cannot be answered: its connection is closed, as Apache Kafka does."""


async def serve(broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client until it goes away."""
    host, port = writer.get_extra_info("peername")[:2]
    try:
        while True:
            frame = await _read_frame(reader)
            answer = await _answer(broker, host, frame)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        logger.debug("%s:%d has gone", host, port)
    except ProtocolError as error:
        logger.warning("%s:%d is disconnected: %s", host, port, error)
    finally:
        writer.close()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if not FIXED_HEADER.size <= size <= MAX_REQUEST:
        raise ProtocolError(f"a request of {size} bytes")
    return await reader.readexactly(size)


async def _answer(broker: Broker, host: str, frame: bytes) -> bytes | None:
    """The framed response; None where the client asked for none."""
    key, version, correlation_id = FIXED_HEADER.unpack_from(frame)
    api = APIS.get(key)
    if key == ApiVersionsRequest.API_KEY and version > ApiVersionsRequest.max_version:
        return _framed(unsupported_versions(), 0, correlation_id)
    if api is None or not api.lowest <= version <= api.highest:
        raise ProtocolError(f"api {key} version {version} is not supported")
    try:
        request = api.message.decode(frame, version=version, header=True)
        client = Client(request.header.client_id or "", host)
    except (struct.error, ValueError, IndexError) as error:
        raise ProtocolError(f"a malformed request to api {key}: {error}") from error
    response = await api.answer(broker, client, request)
    if not request.expect_response():
        return None
    return _framed(response, version, correlation_id)


def _framed(response: Any, version: int, correlation_id: int) -> bytes:
    response.API_VERSION = version
    response.with_header(correlation_id)
    return bytes(response.encode(header=True, framed=True))
