"""A record's way to its end: what is written when, and what an outage or a fault changes."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from sqlalchemy import select

from consumers.bookkeeping import Bookkeeper
from consumers.doubling import DoublingPolicy
from consumers.halt import Halt, HandedBack
from consumers.pipeline import Journey, Pipeline, Policies, RetryPolicy
from consumers.record import Record
from consumers.status import Condition, Status
from consumers.worker import Worker
from infra.admission import Limits
from infra.blobs import Blob, BlobStore, open_blob_store
from infra.database.engine import Database
from infra.database.models import (
    DeadLetter,
    Delivery,
    Image,
    ImageState,
    Outcome,
    PartState,
    Result,
)
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.topics import DEAD_LETTERS, RESULTS, UPLOADS
from infra.events.envelope import Headers, read_envelope
from infra.events.pictures import ClaimCheck, upload_event
from infra.events.reasons import Reason
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerError,
    ModelServerUnavailable,
    VersionGone,
)
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

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> tuple[int, int]:
        if self.away:
            raise EventLogUnavailable("Kafka is away: this test wants it so")
        self.sent.append((topic, key, value, headers))
        return 0, len(self.sent) - 1

    def on(self, topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]:
        return [(key, value, headers) for at, key, value, headers in self.sent if at == topic]


class World:
    """A pipeline on a real database and a real blob store, between two ends that tests hold."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.blobs: BlobStore = open_blob_store(folder.as_uri())
        self.events = RecordedEvents()
        self.model = FakeModelServer(radius=2)
        self.halt = Halt()
        self.status = Status(clock=lambda: NOON)
        self.next_offset = 0
        self.pipeline = Pipeline(
            events=self.events,
            blobs=self.blobs,
            model=self.model,
            books=Bookkeeper(database, clock=lambda: NOON),
            policies=Policies(LIMITS, DoublingPolicy(32, 4, True), RetryPolicy(3, 0.001)),
            halt=self.halt,
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
        Worker(self.pipeline, self.status).settle(record)

    def one(self, table: type[Any]) -> Any:
        with self.database.reading() as session:
            return session.scalars(select(table)).one()

    def all(self, table: type[Any]) -> list[Any]:
        with self.database.reading() as session:
            return list(session.scalars(select(table)))

    def outcomes(self) -> list[Outcome | None]:
        return [delivery.outcome for delivery in self.all(Delivery)]


@pytest.fixture
def world(sqlite: Database, tmp_path: Path) -> World:
    return World(sqlite, tmp_path / "blobs")


def png(width: int = 50, height: int = 40, mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def test_a_picture_by_claim_check_ends_done(world: World) -> None:
    world.settle(world.claim(png()))
    image, result = world.one(Image), world.one(Result)
    assert (image.state, image.attempts, image.name) == (ImageState.DONE, 1, "m51.png")
    assert (image.width, image.height) == (50, 40)
    assert (result.width, result.height, result.tiles) == (100, 80, 4)
    assert result.queue_s == 2.0
    assert result.model_s > 0
    assert world.outcomes() == [Outcome.DONE]
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(result.sha256)))) as doubled:
        assert doubled.size == (100, 80)
        doubled.load()


def test_a_bare_picture_on_the_topic_is_an_upload(world: World) -> None:
    content = png()
    world.settle(world.record(content, [("foreign", b"\xff\xfe")]))
    image = world.one(Image)
    assert image.event_id == f"upload:{hashlib.sha256(content).hexdigest()}"
    assert world.blobs.get(Blob(image.sha256)) == content


def test_the_spread_is_stored_with_its_mean(world: World) -> None:
    world.settle(world.claim(png()))
    result = world.one(Result)
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(result.spread_sha256)))) as spread:
        assert spread.mode == "L"
        assert result.mean_spread == pytest.approx(np.asarray(spread).mean() / 4)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_a_result_has_the_form_of_its_picture(world: World, mode: str) -> None:
    world.settle(world.claim(png(mode=mode)))
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(world.one(Result).sha256)))) as doubled:
        assert doubled.mode == mode


def test_the_end_is_announced_after_the_database_knows_it(world: World) -> None:
    world.settle(world.claim(png()))
    [(key, value, headers)] = world.events.on(RESULTS)
    envelope = read_envelope(headers, value)
    data = json.loads(envelope.data)
    assert key == world.one(Image).event_id.encode()
    assert (data["outcome"], data["result"]["sha256"]) == ("done", world.one(Result).sha256)


def test_a_redelivered_record_is_not_done_twice_but_announced_again(world: World) -> None:
    record = world.claim(png())
    world.settle(record)
    calls = len(world.model.calls)
    world.settle(record)
    assert len(world.model.calls) == calls
    assert world.outcomes() == [Outcome.DONE]
    assert len(world.events.on(RESULTS)) == 2


def test_the_same_event_again_is_a_duplicate(world: World) -> None:
    for _ in range(3):
        world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DONE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(world.all(Result)) == 1


def test_a_new_version_of_the_model_doubles_the_same_event_anew(world: World) -> None:
    world.settle(world.claim(png()))
    world.model.swap(2)
    world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DONE, Outcome.DONE]
    assert [result.version for result in world.all(Result)] == [1, 2]


def missing_blob(world: World) -> Record:
    return world.claim(png(), dataref="blob:" + "0" * 64, sha256="0" * 64)


@pytest.mark.parametrize(
    ("make", "reason", "stage"),
    [
        (lambda w: w.record(None), Reason.EMPTY, "envelope"),
        (lambda w: w.record(b"{}", [("ce_id", b"1")]), Reason.BAD_ENVELOPE, "envelope"),
        (lambda w: w.record(b"{}", [("ce_id", b"\xff")]), Reason.BAD_ENVELOPE, "envelope"),
        (lambda w: w.claim(png(), length=0), Reason.BAD_DATA, "envelope"),
        (lambda w: w.claim(png(), dataref="http://x/y.png"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), dataref="file:///etc/passwd"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), dataref="blob:../../x"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), length=7), Reason.HASH_MISMATCH, "fetch"),
        (missing_blob, Reason.BLOB_MISSING, "fetch"),
        (lambda w: w.record(b"not a picture"), Reason.UNSUPPORTED_FORMAT, "decode"),
        (lambda w: w.claim(png()[:-40]), Reason.UNDECODABLE, "decode"),
        (lambda w: w.claim(png(200, 200)), Reason.TOO_MANY_PIXELS, "decode"),
    ],
)
def test_what_can_never_be_doubled_is_put_aside_untouched(
    world: World, make: Callable[[World], Record], reason: Reason, stage: str
) -> None:
    record = make(world)
    world.settle(record)
    assert world.outcomes() == [Outcome.DEAD]
    letter = world.one(DeadLetter)
    assert (letter.reason, letter.stage) == (reason, stage)
    [(key, value, headers)] = world.events.on(DEAD_LETTERS)
    assert (key, value) == (record.key, record.value)
    assert headers[: len(record.headers)] == record.headers
    ours = dict(headers[len(record.headers) :])
    assert ours["doublet-error-reason"] == reason.encode()
    assert ours["doublet-error-offset"] == str(record.offset).encode()
    world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DEAD, Outcome.DONE]


def test_a_model_that_misbehaves_once_costs_one_attempt(world: World) -> None:
    world.model.failures.append(ModelMisbehaved("a wrong shape"))
    world.settle(world.claim(png()))
    assert world.one(Image).attempts == 2
    assert world.outcomes() == [Outcome.DONE]


def test_a_model_that_always_misbehaves_ends_in_a_dead_letter(world: World) -> None:
    world.model.failures.extend(ModelMisbehaved("a wrong shape") for _ in range(9))
    world.settle(world.claim(png()))
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DEAD, Reason.FAILED, 3)
    assert world.one(DeadLetter).attempts == 3


def test_a_refusal_is_final(world: World) -> None:
    world.model.failures.append(ModelRefused("tensor parsing error"))
    world.settle(world.claim(png()))
    assert world.one(Image).reason == Reason.MODEL_REFUSED


def test_a_version_that_goes_away_costs_nothing(world: World) -> None:
    world.model.failures.append(VersionGone("2 took over"))
    world.settle(world.claim(png()))
    assert world.one(Image).attempts == 1
    assert world.outcomes() == [Outcome.DONE]


def test_an_outage_of_the_model_consumes_no_attempt(world: World) -> None:
    world.model.failures.extend(ModelServerUnavailable("away") for _ in range(5))
    journey = Journey(world.pipeline, world.claim(png()))
    for _ in range(5):
        with pytest.raises(ModelServerUnavailable):
            journey.run()
        assert world.one(Image).attempts == 1
        assert world.outcomes() == [None]
    journey.run()
    assert world.one(Image).attempts == 1
    assert world.outcomes() == [Outcome.DONE]


def test_dead_letters_that_cannot_be_written_are_not_dropped(world: World) -> None:
    world.events.away = True
    journey = Journey(world.pipeline, world.record(b"not a picture"))
    with pytest.raises(EventLogUnavailable):
        journey.run()
    assert world.outcomes() == [None]
    assert world.all(DeadLetter) == []
    world.events.away = False
    journey.run()
    assert len(world.events.on(DEAD_LETTERS)) == 1
    assert world.outcomes() == [Outcome.DEAD]


def test_a_picture_that_ends_the_process_each_time_is_put_aside(world: World) -> None:
    record = world.claim(png())
    for _ in range(3):
        world.model.failures.append(EndOfProcess())
        with pytest.raises(EndOfProcess):
            world.settle(record)
    calls = len(world.model.calls)
    world.settle(record)
    assert len(world.model.calls) == calls
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DEAD, Reason.CRASH_LOOP, 3)


def test_a_dead_picture_that_is_handed_in_again_counts_anew(world: World) -> None:
    world.model.failures.extend(ModelMisbehaved("a wrong shape") for _ in range(3))
    world.settle(world.claim(png()))
    world.settle(world.claim(png()))
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DONE, None, 1)
    assert world.outcomes() == [Outcome.DEAD, Outcome.DONE]


def test_stopping_hands_the_picture_back_with_its_attempt(world: World) -> None:
    world.halt.request()
    with pytest.raises(HandedBack):
        world.settle(world.claim(png()))
    assert world.one(Image).attempts == 0
    assert world.outcomes() == [None]


class Witness(Halt):
    """Looks at what the consumer says of itself while it rests, and brings the model back."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.seen: list[Condition] = []

    def rest(self, seconds: float) -> None:
        self.seen.append(self.world.status.condition)
        self.world.model.away = False


def test_waiting_is_said_with_the_part_and_the_time(world: World) -> None:
    world.model.away = True
    witness = Witness(world)
    world.pipeline = replace(world.pipeline, halt=witness)
    world.settle(world.claim(png()))
    [waiting] = witness.seen
    assert waiting.state is PartState.WAITING
    assert waiting.detail.startswith("since 12:00:00 UTC: the model server is away")
    assert world.status.condition.state is PartState.RUNNING
