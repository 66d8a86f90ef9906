"""The dashboard as a test meets it: addresses of its own, and what it remembers forgotten."""

import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.topics import GROUP, ensure_topics
from infra.settings import Settings, settings
from tests.dashboard.seeding import PARTITIONS, Seed, seed
from tests.fixtures.brokers import BrokerFactory, LocalBroker

APP = Path(__file__).parents[2] / "dashboard" / "app.py"

OpenPage = Callable[..., AppTest]

# Each AppTest reads the metadata of every installed package anew, which took most of the tests'
# time; a server reads them once.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Sets addresses; without any, the database is empty and every other part is away."""

    def set_addresses(**addresses: str) -> Settings:
        away = f"127.0.0.1:{_closed_port()}"
        defaults = {
            "DOUBLET_HOME": str(tmp_path),
            "DATABASE_URL": "",
            "BLOB_STORE": "",
            "KAFKA_BOOTSTRAP_SERVERS": away,
            "MODEL_SERVER": away,
            "PARTITIONS": str(PARTITIONS),
        }
        for name, value in (defaults | addresses).items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        st.cache_data.clear()
        return settings()

    return set_addresses


@pytest.fixture
def away(configure: Callable[..., Settings]) -> Iterator[Settings]:
    """Settings of an empty database, with Kafka and the model server away."""
    yield configure()
    settings.cache_clear()


@pytest.fixture
def seeded(away: Settings, sqlite: Database) -> Seed:
    """The database and the blob store of `away`, with some pictures in every state."""
    return seed(sqlite, open_blob_store(away), datetime.now(UTC))


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its page as `__main__`, which every process spawned later would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def open_page() -> OpenPage:
    """Runs a page to its end, as a browser that opens its address would."""

    def run(page: str = "now", **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app.run()  # the first run registers the pages, and shows the page Now
        if page != "now":
            for name, value in query.items():
                app.query_params[name] = value
            app.switch_page(f"views/{page}.py").run()
        assert not app.exception, app.exception[0].message
        return app

    return run


@pytest.fixture(scope="module")
def kafka(
    new_broker: BrokerFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalBroker]:
    """An embedded broker for the tests of one module."""
    broker = new_broker("embedded", tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.kill()


def accept(current: Settings, filled: Seed) -> None:
    """Put as many records on Kafka as the seed knows of, and commit as far as they are settled."""
    with open_admin(current) as admin:
        ensure_topics(admin, current)
    events = KafkaEventLog(current)
    for (topic, partition), end in sorted(filled.ends.items()):
        for _ in range(end):
            events._opened().send(topic, value=b"a picture", partition=partition).get(10)
    events.close()
    commit(current, filled.committed)


def commit(current: Settings, offsets: dict[tuple[str, int], int]) -> None:
    """Commit offsets for the group that doubles."""
    consumer = KafkaConsumer(
        bootstrap_servers=current.bootstrap_servers, group_id=GROUP, enable_auto_commit=False
    )
    partitions = {TopicPartition(*place): offset for place, offset in offsets.items()}
    consumer.assign(list(partitions))
    consumer.commit({at: OffsetAndMetadata(offset, "", -1) for at, offset in partitions.items()})
    consumer.close()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
