"""The broker as a process: listens, keeps house, and stops when it is told to."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from infra.broker.claim import HOST
from infra.broker.embedded.broker import Broker
from infra.broker.embedded.connection import serve

RETENTION_EVERY_S = 300  # Kafka's log.retention.check.interval.ms
BUFFER = 1 << 20  # bytes read ahead per connection: images come whole, not in 64 KiB

logger = logging.getLogger(__name__)


async def run(data: Path, port: int, advertised: int) -> None:
    """Serve until SIGTERM or SIGINT; clients are told to come to the advertised port.

    Raises:
        BrokerCannotStart: the data folder is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = Broker(data, advertised)
    try:
        async with Listener(broker, port):
            logger.info("listening on %s:%d, data in %s", HOST, port, data)
            await _keep_house(broker, stop)
    finally:
        broker.close()
    logger.info("stopped")


class Listener:
    """The open port and the connections that came through it."""

    def __init__(self, broker: Broker, port: int) -> None:
        self._broker = broker
        self._port = port
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Listener:
        self._server = await asyncio.start_server(self._welcome, HOST, self._port, limit=BUFFER)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(self._broker, reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._part)

    def _part(self, connection: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        if not connection.cancelled() and (error := connection.exception()) is not None:
            logger.error("a connection was dropped: this is a bug in the broker", exc_info=error)


async def _keep_house(broker: Broker, stop: asyncio.Event) -> None:
    while not stop.is_set():
        broker.topics.retain()
        try:
            await asyncio.wait_for(stop.wait(), RETENTION_EVERY_S)
        except TimeoutError:
            continue
