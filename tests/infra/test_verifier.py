"""The proof of the books: what it counts, and every difference that it must not overlook."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from infra.database.engine import Database
from infra.database.models import (
    DeadLetter,
    Delivery,
    Gap,
    GapCause,
    Image,
    ImageState,
    Lane,
    Outcome,
    Result,
)
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.topics import UPLOADS
from infra.verifier import Span, Verification, verify

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = dict.fromkeys(("queue_s", "decode_s", "tile_s", "model_s", "join_s", "store_s"), 0.1)


class WrittenLog:
    """A log that holds records at the offsets that a test says."""

    def __init__(self, offsets: Iterable[int]) -> None:
        self.offsets = set(offsets)

    def records(self, topic: str, partition: int, span: Span) -> list[int]:
        return sorted(self.offsets & set(range(span.first, span.last + 1)))


@pytest.fixture
def books(sqlite: Database) -> "Books":
    return Books(sqlite)


class Books:
    """Rows as the consumer would have written them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def end(self, *offsets: int, outcome: Outcome | None = Outcome.DEAD) -> None:
        with self.database.transaction() as session:
            for offset in offsets:
                session.add(delivery(offset, outcome))
                if outcome is Outcome.DEAD:
                    session.add(letter(offset))

    def add(self, *rows: object) -> None:
        with self.database.transaction() as session:
            session.add_all(rows)

    def proof(
        self, end: int, committed: int, *, beginning: int = 0, log: Iterable[int] | None = None
    ) -> Verification:
        at = PartitionOffsets(UPLOADS, 0, beginning, end, committed)
        written = WrittenLog(range(beginning, end) if log is None else log)
        with self.database.reading() as session:
            return verify(session, written, [at])


def delivery(offset: int, outcome: Outcome | None, image_id: int | None = None) -> Delivery:
    return Delivery(
        topic=UPLOADS,
        partition=0,
        offset=offset,
        outcome=outcome,
        image_id=image_id,
        sent_at=NOON,
        received_at=NOON,
    )


def letter(offset: int) -> DeadLetter:
    return DeadLetter(
        topic=UPLOADS,
        partition=0,
        offset=offset,
        reason="bad_envelope",
        stage="envelope",
        detail="",
        attempts=1,
        first_failed_at=NOON,
        last_failed_at=NOON,
    )


def gap(first: int, last: int, cause: GapCause = GapCause.EMPTY) -> Gap:
    return Gap(topic=UPLOADS, partition=0, first=first, last=last, cause=cause, found_at=NOON)


def picture(image_id: int) -> Image:
    return Image(
        id=image_id,
        source="s",
        event_id=str(image_id),
        lane=Lane.UPLOAD,
        name="m51.png",
        state=ImageState.DONE,
        received_at=NOON,
    )


def result(image_id: int) -> Result:
    return Result(
        image_id=image_id,
        model="doublet",
        version=1,
        sha256="ab" * 32,
        bytes=1,
        width=2,
        height=2,
        tiles=1,
        stored_at=NOON,
        **SECONDS,
    )


def test_nothing_is_proven(books: Books) -> None:
    assert books.proof(0, 0) == Verification(0, 0, 0, 0, ())


def test_what_ended_and_what_is_in_flight(books: Books) -> None:
    books.end(0, 1, 2)
    books.end(4)  # ahead of the commit, beside a record that takes longer
    books.end(3, outcome=None)
    assert books.proof(end=7, committed=3) == Verification(4, 3, 0, 0, ())


def test_a_hole_is_named_with_its_offsets(books: Books) -> None:
    books.end(0, 3, 7)
    proof = books.proof(end=8, committed=8)
    assert proof.differences == (
        f"{UPLOADS} 0: offsets 1 to 2 missing: committed, and the database has no end of it",
        f"{UPLOADS} 0: offsets 4 to 6 missing: committed, and the database has no end of it",
    )


def test_a_hole_at_the_end_and_an_attempt_without_an_end_are_holes(books: Books) -> None:
    books.end(0)
    books.end(1, outcome=None)
    [line] = books.proof(end=2, committed=2).differences
    assert "offset 1 missing" in line


def test_markers_in_the_log_are_counted_and_are_no_difference(books: Books) -> None:
    books.end(0, 2)
    books.add(gap(3, 3))
    proof = books.proof(end=4, committed=4, log=[0, 2])
    assert proof == Verification(2, 0, 2, 0, ())


def test_a_record_that_was_called_a_marker_is_a_difference(books: Books) -> None:
    books.end(0)
    books.add(gap(1, 2))
    [line] = books.proof(end=3, committed=3, log=[0, 2]).differences
    assert line == f"{UPLOADS} 0: offset 2 passed over as empty, and Kafka has a record there"


def test_what_was_deleted_before_its_delivery_is_counted_apart(books: Books) -> None:
    books.add(gap(0, 4, GapCause.DELETED))
    books.end(5)
    assert books.proof(end=6, committed=6, beginning=5) == Verification(1, 0, 0, 5, ())


def test_what_was_deleted_and_nobody_noted_is_a_difference(books: Books) -> None:
    books.end(5)
    [line] = books.proof(end=6, committed=6, beginning=5).differences
    assert "offsets 0 to 4 committed without an end, and deleted" in line


def test_an_offset_that_is_accounted_for_twice_is_a_difference(books: Books) -> None:
    books.end(0, 1, 2)
    books.add(gap(1, 1))
    [line] = books.proof(end=3, committed=3, log=[0, 2]).differences
    assert line == f"{UPLOADS} 0: offset 1 accounted for twice"


def test_what_kafka_never_had_is_a_difference(books: Books) -> None:
    books.end(0, 1)
    [line] = books.proof(end=1, committed=1).differences
    assert "offset 1 in the database, and Kafka ends at 1" in line


def test_a_partition_that_kafka_does_not_have_is_a_difference(books: Books) -> None:
    books.end(0)
    with books.database.reading() as session:
        proof = verify(session, WrittenLog([]), [])
    assert proof.differences == (f"{UPLOADS} 0: in the database, and Kafka has no such partition",)


def test_an_end_without_its_evidence_is_a_difference(books: Books) -> None:
    books.add(picture(1), picture(2))
    books.add(result(1), delivery(0, Outcome.DONE, 1))
    books.add(delivery(1, Outcome.DUPLICATE, 2), delivery(2, Outcome.DEAD))
    assert books.proof(end=3, committed=3).differences == (
        f"{UPLOADS} 0: offset 1 is duplicate, and there is no result of it",
        f"{UPLOADS} 0: offset 2 is dead, and there is no dead letter of it",
    )
