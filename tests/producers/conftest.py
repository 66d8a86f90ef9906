"""What the tests of this room share."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from PIL import Image

from infra.blobs import BlobStore, open_blob_store
from infra.eventlog.clients import EventLogUnavailable, open_admin, open_reader
from infra.eventlog.topics import ensure_topics
from infra.settings import Settings
from infra.settings import settings as current_settings
from tests.fixtures.apod_servers import ApodServer
from tests.fixtures.brokers import BrokerFactory, LocalBroker


@dataclass
class SettableClock:
    """A clock that goes only when told to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class ListedEvents:
    """An EventLog in a list; ``away`` makes it fail as Kafka does."""

    sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = field(
        default_factory=list
    )
    away: bool = False

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        if self.away:
            raise EventLogUnavailable("Kafka at nowhere does not answer")
        self.sent.append((topic, key, value, headers))
        return 0, len(self.sent) - 1


@pytest.fixture
def events() -> ListedEvents:
    return ListedEvents()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return open_blob_store((tmp_path / "blobs").as_uri())


@pytest.fixture(scope="session")
def kafka(
    new_broker: BrokerFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalBroker]:
    """A broker of this room's own, with the topics."""
    broker = new_broker("embedded", tmp_path_factory.mktemp("producers-broker"))
    broker.start()
    where = Settings(kafka_bootstrap_servers=broker.bootstrap, _env_file=None)
    with open_admin(where) as admin:
        ensure_topics(admin, where)
    yield broker
    broker.kill()


Configure = Callable[..., Settings]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Configure]:
    """Sets this process's settings: a database and a blob store of the test's own, and more."""

    def configure(**more: object) -> Settings:
        values = {
            "database_url": f"sqlite:///{tmp_path}/doublet.sqlite",
            "blob_store": (tmp_path / "blobs").as_uri(),
            **more,
        }
        for name, value in values.items():
            monkeypatch.setenv(name.upper(), str(value))
        current_settings.cache_clear()
        return current_settings()

    yield configure
    current_settings.cache_clear()


@pytest.fixture
def apod_settings(configure: Configure, apod_server: ApodServer) -> Settings:
    """Settings whose APOD services are the recorded ones."""
    return configure(apod_v2_url=apod_server.v2_url, apod_v1_url=apod_server.v1_url)


def picture(width: int = 40, height: int = 30, form: str = "PNG", shade: int = 90) -> bytes:
    """A picture file; another shade makes other bytes."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 20, 160)).save(file, form)
    return file.getvalue()


def read_record(settings: Settings, topic: str, partition: int, offset: int) -> ConsumerRecord:
    """One record back from Kafka."""
    consumer = open_reader(settings)
    at = TopicPartition(topic, partition)
    consumer.assign([at])
    consumer.seek(at, offset)
    try:
        return consumer.poll(timeout_ms=10_000, max_records=1)[at][0]
    finally:
        consumer.close()
