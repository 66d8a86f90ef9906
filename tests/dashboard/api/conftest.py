"""The HTTP door as its callers meet it: the dashboard's own server, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import ensure_topics
from infra.settings import Settings
from tests.fixtures.brokers import BrokerFactory, LocalBroker
from tests.fixtures.ports import free_ports
from tests.producers.conftest import StandIn

START_SECONDS = 90


class Door:
    """A server with its database, its blob store and whatever Kafka it is given."""

    def __init__(self, home: Path, kafka: str, **settings: Any) -> None:
        [port] = free_ports(1)
        values: dict[str, Any] = {
            "doublet_home": home,
            "dashboard_port": port,
            "kafka_bootstrap_servers": kafka,
            "partitions": 1,
            **settings,
        }
        self.settings = Settings(_env_file=None, **values)
        self.database = Database(self.settings.database)
        upgrade(self.database)
        self.address = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.address, timeout=60, trust_env=False)
        environment = {name.upper(): str(value) for name, value in values.items()}
        self._log = home / "dashboard.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashboard"],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )
        self._wait()

    def hand_in(
        self, content: bytes, headers: dict[str, str] | None = None, **query: str
    ) -> httpx.Response:
        """Hand a picture in, as somebody without a key unless ``headers`` say otherwise."""
        all_headers = {"content-type": "image/png", **(headers or {})}
        return self.client.post("/v1/images", content=content, headers=all_headers, params=query)

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.database.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.client.get("/_stcore/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(f"the dashboard did not start:\n{self._log.read_text()}")


NewDoor = Callable[..., Door]


@pytest.fixture(scope="module")
def kafka(
    new_broker: BrokerFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalBroker]:
    """A broker with the topics."""
    broker = new_broker("embedded", tmp_path_factory.mktemp("door-broker"))
    broker.start()
    where = Settings(kafka_bootstrap_servers=broker.bootstrap, partitions=1, _env_file=None)
    with open_admin(where) as admin:
        ensure_topics(admin, where)
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def door(kafka: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door where pictures are doubled at once, by a stand-in for the consumer."""
    door = Door(
        tmp_path_factory.mktemp("door"),
        kafka.bootstrap,
        max_picture_bytes=200_000,
        max_picture_side=500,
        http_anonymous_per_day=100_000,
    )
    stand_in = StandIn(door.settings, door.database)
    stand_in.start()
    yield door
    stand_in.end()
    door.stop()
