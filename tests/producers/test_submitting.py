"""Handing a picture in on a real broker, and following it through the database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.admission import BadPicture, Limits
from infra.blobs import Blob, BlobStore, BlobStoreUnavailable
from infra.clock import utc_now
from infra.database.engine import Database
from infra.database.models import Delivery, Image, ImageState, Lane, Outcome
from infra.events.pictures import ClaimCheck, read_submission, upload_id
from infra.settings import Settings
from producers.following import Follower, FollowTimeout, Stage
from producers.submitting import Receipt, Submitter, open_submitter, printable
from tests.fixtures.brokers import LocalBroker
from tests.producers.conftest import Configure, ListedEvents, picture, read_record, result

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def submitter(events: ListedEvents, blobs: BlobStore) -> Submitter:
    return Submitter(events, blobs, Limits.of(Settings(_env_file=None)), lambda: NOON)


def test_a_picture_travels_by_claim_check(
    kafka: LocalBroker, configure: Configure, blobs: BlobStore, tmp_path: Path
) -> None:
    settings = configure(kafka_bootstrap_servers=kafka.bootstrap)
    path = tmp_path / "moon.png"
    path.write_bytes(picture())
    with open_submitter(settings) as submitter:
        receipt = submitter.submit(path.name, path)
    record = read_record(settings, receipt.topic, receipt.partition, receipt.offset)
    submission = read_submission(record.headers, record.value)
    assert record.key == receipt.event_id.encode()
    assert (submission.source, submission.event_id) == (receipt.source, receipt.event_id)
    assert submission.name == "moon.png"
    assert submission.content == ClaimCheck(
        Blob(receipt.sha256), len(picture()), media_type="image/png"
    )
    assert blobs.get(Blob(receipt.sha256)) == picture()


def test_the_same_bytes_are_the_same_upload(submitter: Submitter, tmp_path: Path) -> None:
    path = tmp_path / "copy.png"
    path.write_bytes(picture())
    by_bytes, by_file = submitter.submit("a", picture()), submitter.submit("b", path)
    assert by_bytes.event_id == by_file.event_id == upload_id(by_bytes.sha256)


def test_a_bad_file_sends_and_stores_nothing(
    submitter: Submitter, events: ListedEvents, tmp_path: Path
) -> None:
    with pytest.raises(BadPicture):
        submitter.submit("notes.txt", b"hello")
    assert events.sent == []
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def test_a_blob_store_that_is_away_is_said_so(configure: Configure) -> None:
    settings = configure(blob_store="file:///proc/nowhere")
    with pytest.raises(BlobStoreUnavailable), open_submitter(settings):
        pass


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("moon.jpg", "moon.jpg"),
        ("mo\x00on\n.jpg", "mo on .jpg"),
        ("caf\udce9.jpg", "caf?.jpg"),
        ("", "unnamed"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_names_are_made_fit_for_every_screen(name: str, shown: str) -> None:
    assert printable(name) == shown


class Desk:
    """Writes the rows that a consumer writes, step by step."""

    def __init__(self, database: Database, receipt: Receipt) -> None:
        self.database = database
        self.receipt = receipt

    def take(self, offset: int | None = None, image_id: int | None = None) -> int:
        receipt = self.receipt
        with self.database.transaction() as session:
            if image_id is None:
                image = Image(
                    source=receipt.source,
                    event_id=receipt.event_id,
                    lane=Lane.UPLOAD,
                    name=receipt.name,
                    sha256=receipt.sha256,
                    bytes=receipt.length,
                    state=ImageState.WORKING,
                    received_at=NOON,
                )
                session.add(image)
                session.flush()
                image_id = image.id
            at = receipt.offset if offset is None else offset
            session.add(
                Delivery(
                    topic=receipt.topic,
                    partition=receipt.partition,
                    offset=at,
                    image_id=image_id,
                    sent_at=NOON,
                    received_at=NOON,
                )
            )
        return image_id

    def end(self, outcome: Outcome, offset: int | None = None) -> None:
        receipt = self.receipt
        at = receipt.offset if offset is None else offset
        with self.database.transaction() as session:
            delivery = session.get_one(Delivery, (receipt.topic, receipt.partition, at))
            delivery.outcome, delivery.settled_at = outcome, utc_now()
            image = session.get_one(Image, delivery.image_id)
            if outcome is Outcome.DUPLICATE:
                return
            image.state, image.settled_at = ImageState(outcome), utc_now()
            if outcome is Outcome.DEAD:
                delivery.reason = image.reason = "undecodable"
            else:
                stored_at = NOON.replace(second=2)
                image.results.append(result(stored_at))


@pytest.fixture
def receipt(submitter: Submitter) -> Receipt:
    return submitter.submit("moon.png", picture())


@pytest.fixture
def desk(sqlite: Database, receipt: Receipt) -> Desk:
    return Desk(sqlite, receipt)


def test_following_shows_every_step_to_the_end(
    sqlite: Database, receipt: Receipt, desk: Desk
) -> None:
    steps = Follower(sqlite).follow([receipt], timeout_seconds=10)
    assert next(steps).stage is Stage.QUEUED
    image_id = desk.take()
    working = next(steps)
    assert (working.stage, working.image_id) == (Stage.WORKING, image_id)
    desk.end(Outcome.DONE)
    done = next(steps)
    assert done.stage is Stage.DONE
    assert str(done) == "done, 80 x 60 px in 2.0 s"
    with pytest.raises(StopIteration):
        next(steps)


def test_a_dead_picture_says_why(sqlite: Database, receipt: Receipt, desk: Desk) -> None:
    desk.take()
    desk.end(Outcome.DEAD)
    (dead,) = Follower(sqlite).follow([receipt])
    assert dead.stage.ended
    assert not dead.stage.doubled
    assert str(dead) == "dead: undecodable"


def test_bytes_that_were_doubled_before_say_when(
    sqlite: Database, receipt: Receipt, desk: Desk
) -> None:
    image_id = desk.take()
    desk.end(Outcome.DONE)
    desk.take(offset=receipt.offset + 1, image_id=image_id)
    desk.end(Outcome.DUPLICATE, offset=receipt.offset + 1)
    again = Receipt(**{**vars(receipt), "offset": receipt.offset + 1})
    (progress,) = Follower(sqlite).follow([again])
    assert progress.stage.doubled
    assert str(progress) == "already doubled on 2026-11-20 12:00 UTC"


def test_a_duplicate_of_a_picture_under_way_is_followed_on(
    sqlite: Database, receipt: Receipt, desk: Desk
) -> None:
    image_id = desk.take()
    desk.take(offset=receipt.offset + 1, image_id=image_id)
    desk.end(Outcome.DUPLICATE, offset=receipt.offset + 1)
    again = Receipt(**{**vars(receipt), "offset": receipt.offset + 1})
    steps = Follower(sqlite).follow([again], timeout_seconds=10)
    assert next(steps).stage is Stage.WORKING
    desk.end(Outcome.DONE)
    assert next(steps).stage is Stage.DUPLICATE


def test_following_times_out_when_asked(sqlite: Database, receipt: Receipt) -> None:
    with pytest.raises(FollowTimeout, match="1 of 1"):
        list(Follower(sqlite).follow([receipt], timeout_seconds=0))


def test_anothers_event_is_found_once_a_consumer_has_it(
    sqlite: Database, receipt: Receipt, desk: Desk
) -> None:
    follower = Follower(sqlite)
    assert follower.find(receipt.source, receipt.event_id) is None
    desk.take()
    assert follower.find(receipt.source, receipt.event_id) == receipt
