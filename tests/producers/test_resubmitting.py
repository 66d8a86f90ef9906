"""A known picture once more: under the same id, for another model or after it died."""

from datetime import UTC, datetime

import pytest

from infra.database.engine import Database
from infra.database.models import DeadLetter, Image, ImageState, Lane, LetterState
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.topics import APOD, UPLOADS
from infra.events.pictures import ClaimCheck, read_submission
from producers.resubmitting import NothingToResubmit, Resubmitter
from tests.producers.conftest import ListedEvents

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def resubmitter(events: ListedEvents, sqlite: Database) -> Resubmitter:
    return Resubmitter(events, sqlite, lambda: NOON)


def test_a_picture_goes_out_again_under_its_own_id(
    resubmitter: Resubmitter, events: ListedEvents, sqlite: Database
) -> None:
    image_id = _image(sqlite, ImageState.DONE)
    receipt = resubmitter.resubmit(image_id, "doublet-fast")
    [(topic, key, value, headers)] = events.sent
    submission = read_submission(headers, value)
    assert (topic, key) == (UPLOADS, b"apod:2026-11-20")
    assert (submission.source, submission.event_id) == ("doublet:apod", "apod:2026-11-20")
    assert (submission.model, submission.name) == ("doublet-fast", "A Halo")
    assert isinstance(submission.content, ClaimCheck)
    assert (submission.content.blob.sha256, submission.content.length) == ("a" * 64, 7)
    assert (receipt.topic, receipt.partition, receipt.offset) == (UPLOADS, 0, 0)


@pytest.mark.parametrize(
    ("topic", "state", "after", "place"),
    [
        (UPLOADS, LetterState.WAITING, LetterState.REPLAYED, 0),
        (APOD, LetterState.QUARANTINED, LetterState.REPLAYED, None),
        (UPLOADS, LetterState.DISCARDED, LetterState.DISCARDED, None),
        (UPLOADS, LetterState.REPLAYING, LetterState.REPLAYING, None),
    ],
)
def test_its_dead_letter_counts_as_replayed(
    resubmitter: Resubmitter,
    sqlite: Database,
    topic: str,
    state: LetterState,
    after: LetterState,
    place: int | None,
) -> None:
    image_id = _image(sqlite, ImageState.DEAD)
    with sqlite.transaction() as session:
        letter = DeadLetter(
            image_id=image_id, topic=topic, partition=1, offset=5, reason="failed",
            stage="model", detail="", attempts=3, first_failed_at=NOON, last_failed_at=NOON,
            state=state,
        )  # fmt: skip
        session.add(letter)
    resubmitter.resubmit(image_id)
    with sqlite.reading() as session:
        letter = session.get_one(DeadLetter, letter.id)
    assert (letter.state, letter.replayed_offset) == (after, place)


def test_without_kafka_its_letter_waits_on(
    resubmitter: Resubmitter, events: ListedEvents, sqlite: Database
) -> None:
    events.away = True
    with pytest.raises(EventLogUnavailable):
        resubmitter.resubmit(_image(sqlite, ImageState.DEAD))


def test_what_was_never_stored_cannot_be_sent(
    resubmitter: Resubmitter, events: ListedEvents, sqlite: Database
) -> None:
    nothing = _image(sqlite, ImageState.DEAD, sha256=None)
    for image_id in (nothing, 999):
        with pytest.raises(NothingToResubmit, match="never stored"):
            resubmitter.resubmit(image_id)
    assert events.sent == []


def _image(database: Database, state: ImageState, sha256: str | None = "a" * 64) -> int:
    with database.transaction() as session:
        image = Image(
            source="doublet:apod", event_id="apod:2026-11-20", lane=Lane.APOD, name="A Halo",
            sha256=sha256, bytes=7 if sha256 else None, state=state, received_at=NOON,
        )  # fmt: skip
        session.add(image)
        session.flush()
        return image.id
