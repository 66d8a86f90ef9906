"""A pipeline between two ends that tests hold, on a real database and a real blob store."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from sqlalchemy import select

from consumers.bookkeeping import Bookkeeper
from consumers.breaker import Breaker
from consumers.doubling import DoublingPolicy
from consumers.halt import Halt
from consumers.memory import Memory
from consumers.pipeline import (
    Pipeline,
    Policies,
    RetryPolicy,
)
from consumers.status import Status
from consumers.tile_calls import TileRetryPolicy
from consumers.worker import Worker
from infra.admission import Limits
from infra.blobs import BlobStore
from infra.database.engine import Database
from infra.database.models import (
    Delivery,
    Outcome,
)
from infra.eventlog.clients import EventLogUnavailable, EventTooLarge
from infra.eventlog.record import Record
from infra.eventlog.topics import UPLOADS
from infra.events.envelope import Headers
from infra.events.pictures import ClaimCheck, upload_event
from serving.errors import (
    ModelServerError,
)
from tests.fixtures.blob_stores import blobs_at
from tests.fixtures.model_servers import FakeModelServer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = Limits(max_bytes=2**20, max_pixels=10_000, max_side=1_000)


class EndOfProcess(ModelServerError):
    """Nobody catches it: it stands for what brings a process down."""


class RecordedEvents:
    """An event log that remembers, and is away when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        self.away = False
        self.largest = 2**24

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> tuple[int, int]:
        if self.away:
            raise EventLogUnavailable("Kafka is away: this test wants it so")
        if len(value or b"") > self.largest:
            raise EventTooLarge("this test wants it so")
        self.sent.append((topic, key, value, headers))
        return 0, len(self.sent) - 1

    def on(self, topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]:
        return [(key, value, headers) for at, key, value, headers in self.sent if at == topic]


class World:
    """A pipeline on a real database and a real blob store, between two ends that tests hold."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.blobs: BlobStore = blobs_at(folder.as_uri())
        self.events = RecordedEvents()
        self.model = FakeModelServer(radius=2)
        self.halt = Halt()
        self.breaker = Breaker(self.halt, clock=lambda: NOON)
        self.status = Status(self.breaker)
        self.next_offset = 0
        self.pipeline = Pipeline(
            events=self.events,
            blobs=self.blobs,
            model=self.model,
            books=Bookkeeper(database, clock=lambda: NOON),
            policies=Policies(
                LIMITS,
                DoublingPolicy(32, 4, True, TileRetryPolicy(2, 0.001)),
                RetryPolicy(3, 0.001),
            ),
            halt=self.halt,
            memory=Memory(2**24, self.halt),
            clock=lambda: NOON,
        )

    def record(self, value: bytes | None, headers: Headers | None = None) -> Record:
        self.next_offset += 1
        sent_at = NOON - timedelta(seconds=3)
        return Record(UPLOADS, 0, self.next_offset - 1, b"key", value, headers or [], sent_at)

    def claim(self, content: bytes, name: str = "m51.png", **changes: Any) -> Record:
        claim = ClaimCheck(self.blobs.put(content), len(content), "image/png")
        event = upload_event(name, claim, NOON - timedelta(seconds=2))
        data = json.dumps({**json.loads(event.data), **changes}).encode()
        return self.record(data, event.headers())

    def settle(self, record: Record) -> None:
        Worker(self.pipeline, self.breaker).settle(record)

    def one(self, table: type[Any]) -> Any:
        with self.database.reading() as session:
            return session.scalars(select(table)).one()

    def all(self, table: type[Any]) -> list[Any]:
        with self.database.reading() as session:
            return list(session.scalars(select(table)))

    def outcomes(self) -> list[Outcome | None]:
        return [delivery.outcome for delivery in self.all(Delivery)]


def png(width: int = 50, height: int = 40, mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()
