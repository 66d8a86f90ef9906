"""The books: whatever happens to a record, it is in exactly one column."""

from datetime import UTC, datetime

from infra.books import Account, read_books
from infra.database.engine import Database
from infra.database.models import Delivery, Gap, GapCause, Outcome
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.topics import UPLOADS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def settle(database: Database, *outcomes: Outcome | None, first: int = 0) -> None:
    with database.transaction() as session:
        for offset, outcome in enumerate(outcomes, first):
            session.add(
                Delivery(
                    topic=UPLOADS,
                    partition=0,
                    offset=offset,
                    outcome=outcome,
                    sent_at=NOON,
                    received_at=NOON,
                )
            )


def account(database: Database, end: int, committed: int) -> Account:
    with database.reading() as session:
        return read_books(session, [PartitionOffsets(UPLOADS, 0, 0, end, committed)]).total


def test_nothing_balances(database: Database) -> None:
    assert account(database, 0, 0) == Account()


def test_every_outcome_has_its_column_and_they_add_up(database: Database) -> None:
    settle(database, Outcome.DONE, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.DEAD, None)
    books = account(database, end=9, committed=4)
    assert books == Account(accepted=9, done=1, duplicate=1, skipped=1, dead=1, in_flight=5)
    assert books.accepted == books.settled + books.in_flight
    assert books.balanced


def test_settled_but_not_committed_yet_is_settled(database: Database) -> None:
    settle(database, Outcome.DONE)
    assert account(database, end=1, committed=0) == Account(accepted=1, done=1)


def test_a_record_that_was_committed_without_an_end_is_missing(database: Database) -> None:
    settle(database, Outcome.DONE, None, Outcome.DONE)
    books = account(database, end=3, committed=3)
    assert (books.missing, books.difference, books.balanced) == (1, 1, False)
    assert books.accepted == books.settled + books.in_flight + books.missing


def test_a_gap_is_missing(database: Database) -> None:
    settle(database, Outcome.DONE, first=2)
    assert account(database, end=3, committed=3).missing == 2


def test_more_in_the_database_than_kafka_ever_had_is_a_difference(database: Database) -> None:
    settle(database, Outcome.DONE, Outcome.DONE)
    books = account(database, end=1, committed=1)
    assert (books.unknown_to_kafka, books.balanced) == (1, False)


def test_a_partition_that_kafka_does_not_have_is_a_difference(database: Database) -> None:
    settle(database, Outcome.DONE)
    with database.reading() as session:
        assert read_books(session, []).total == Account(unknown_to_kafka=1)


def test_partitions_are_kept_apart(database: Database) -> None:
    settle(database, Outcome.DONE)
    with database.reading() as session:
        books = read_books(
            session,
            [PartitionOffsets(UPLOADS, 0, 0, 1, 1), PartitionOffsets(UPLOADS, 1, 0, 2, 1)],
        )
    assert books.partitions[UPLOADS, 0].balanced
    assert books.partitions[UPLOADS, 1].missing == 1
    assert books.total.accepted == 3


def test_what_never_was_a_record_was_not_accepted_and_the_deleted_stand_apart(
    database: Database,
) -> None:
    settle(database, Outcome.DONE, first=4)
    with database.transaction() as session:
        for first, last, cause in ((0, 2, GapCause.DELETED), (3, 3, GapCause.EMPTY)):
            session.add(
                Gap(
                    topic=UPLOADS,
                    partition=0,
                    first=first,
                    last=last,
                    cause=cause,
                    found_at=NOON,
                )
            )
    books = account(database, end=6, committed=5)
    assert books == Account(accepted=5, done=1, in_flight=1, deleted=3)
    assert books.accepted == books.settled + books.in_flight + books.deleted
    assert books.balanced
    # The commit may lag behind the books: nothing changes by that.
    assert account(database, end=6, committed=0) == books
