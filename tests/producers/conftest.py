"""What the tests of this room share."""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from PIL import Image
from sqlalchemy import select

from infra.blobs import BlobStore, open_blob_store
from infra.clock import utc_now
from infra.database.engine import Database
from infra.database.models import Delivery, ImageState, Outcome, Result
from infra.database.models import Image as PictureRow
from infra.eventlog.clients import EventLogUnavailable, open_admin, open_reader
from infra.eventlog.topics import INTAKE, ensure_topics
from infra.events.pictures import read_submission
from infra.settings import Settings
from infra.settings import settings as current_settings
from tests.fixtures.apod_servers import ApodServer
from tests.fixtures.blob_stores import blobs_at
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
    """An Outbox in a list; ``away`` makes it fail as Kafka does, ``forgetful`` after it stored."""

    sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = field(
        default_factory=list
    )
    away: bool = False
    forgetful: bool = False

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        if self.away:
            raise EventLogUnavailable("Kafka at nowhere does not answer")
        self.sent.append((topic, key, value, headers))
        if self.forgetful:
            raise EventLogUnavailable("Kafka at nowhere does not acknowledge")
        return 0, len(self.sent) - 1

    def ends(self, topic: str) -> dict[int, int]:
        return {0: len(self.sent)}

    def holds(self, topic: str, key: bytes, since: Mapping[int, int]) -> bool:
        return any(sent[:2] == (topic, key) for sent in self.sent[since[0] :])


@pytest.fixture
def events() -> ListedEvents:
    return ListedEvents()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return blobs_at((tmp_path / "blobs").as_uri())


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


class StandIn(threading.Thread):
    """Takes every new record as a consumer does, and writes that it was doubled.

    No pixel is touched: what a consumer does to them is its own room's business. A picture whose
    name begins with "dead" ends as a dead letter.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        super().__init__()
        self._database = database
        self._blobs = open_blob_store(settings)
        self._ended = threading.Event()
        self._consumer = open_reader(settings)
        partitions = [
            TopicPartition(topic, partition)
            for topic in INTAKE
            for partition in self._consumer.partitions_for_topic(topic)
        ]
        self._consumer.assign(partitions)
        for partition, end in self._consumer.end_offsets(partitions).items():
            self._consumer.seek(partition, end)

    def run(self) -> None:
        while not self._ended.is_set():
            for records in self._consumer.poll(timeout_ms=50).values():
                for record in records:
                    self._settle(record)
        self._consumer.close()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _settle(self, record: ConsumerRecord) -> None:
        submission = read_submission(record.headers, record.value)
        dead = submission.name.startswith("dead")
        with self._database.transaction() as session:
            image = session.scalar(
                select(PictureRow).where(PictureRow.event_id == submission.event_id)
            )
            outcome = Outcome.DUPLICATE if image else Outcome.DEAD if dead else Outcome.DONE
            image = image or PictureRow(
                source=submission.source,
                event_id=submission.event_id,
                lane=submission.lane,
                name=submission.name,
                state=ImageState(outcome),
                reason="undecodable" if dead else None,
                received_at=utc_now(),
                settled_at=utc_now(),
                results=[] if dead else [result(utc_now(), self._doubled(submission.name))],
            )
            session.add(image)
            session.flush()
            session.add(
                Delivery(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    image_id=image.id,
                    outcome=outcome,
                    sent_at=utc_now(),
                    received_at=utc_now(),
                    settled_at=utc_now(),
                )
            )

    def _doubled(self, name: str) -> str:
        return self._blobs.put(f"{name}, doubled".encode()).sha256


@pytest.fixture
def running(
    kafka: LocalBroker, sqlite: Database, apod_server: ApodServer, configure: Configure
) -> Iterator[Settings]:
    """Settings of a place where everything runs: broker, services, and somebody who consumes."""
    settings = configure(
        kafka_bootstrap_servers=kafka.bootstrap,
        apod_v2_url=apod_server.v2_url,
        apod_v1_url=apod_server.v1_url,
    )
    stand_in = StandIn(settings, sqlite)
    stand_in.start()
    yield settings
    stand_in.end()


def result(stored_at: datetime, sha256: str = "0" * 64) -> Result:
    """A row of a doubled picture of 80 x 60 pixels."""
    return Result(
        model="doublet", version=1, sha256=sha256, bytes=9, width=80, height=60, tiles=1,
        queue_s=0, decode_s=0, tile_s=0, model_s=0, join_s=0, store_s=0, stored_at=stored_at,
    )  # fmt: skip


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
