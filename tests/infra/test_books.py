"""The books: whatever happens to a record, it is in exactly one column."""

from datetime import UTC, datetime

from sqlalchemy import delete

from infra.books import Account, read_books
from infra.database.carried import CarriedForward
from infra.database.engine import Database
from infra.database.models import Delivery, Gap, GapCause, Outcome
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.topics import APOD, UPLOADS
from infra.tally import WORTH_CARRYING, carry_forward, open_partition, settled_by_the_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def settle(database: Database, *outcomes: Outcome | None, first: int = 0) -> None:
    with database.transaction() as session:
        open_partition(session, UPLOADS, 0)
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


def carry(database: Database, committed: int) -> int:
    """Answers up to which offset the counts are carried."""
    with database.transaction() as session:
        carry_forward(session, [PartitionOffsets(UPLOADS, 0, 0, committed + 10, committed)])
        return session.get_one(CarriedForward, (UPLOADS, 0)).upto


def forget_below(database: Database, offset: int) -> None:
    with database.transaction() as session:
        session.execute(delete(Delivery).where(Delivery.offset < offset))


MANY = [Outcome.DONE, Outcome.DEAD, Outcome.DUPLICATE, Outcome.SKIPPED] * (WORTH_CARRYING // 4)


def test_what_was_carried_forward_is_not_counted_again(database: Database) -> None:
    settle(database, *MANY, Outcome.DONE, None)
    before = account(database, end=len(MANY) + 5, committed=len(MANY))
    assert carry(database, committed=len(MANY)) == len(MANY)
    assert account(database, end=len(MANY) + 5, committed=len(MANY)) == before
    forget_below(database, len(MANY))  # so it shows who is counted
    assert account(database, end=len(MANY) + 5, committed=len(MANY)) == before
    with database.reading() as session:
        assert settled_by_the_database(session).total() == len(MANY) + 1


def test_a_little_is_not_carried(database: Database) -> None:
    settle(database, *MANY)
    assert carry(database, committed=len(MANY) - 1) == 0


def test_where_something_is_missing_nothing_is_carried(database: Database) -> None:
    settle(database, *MANY, None, Outcome.DONE)
    assert carry(database, committed=len(MANY) + 2) == 0
    assert account(database, end=len(MANY) + 2, committed=len(MANY) + 2).missing == 1


def test_gaps_are_no_hole_and_carried_counts_go_on(database: Database) -> None:
    with database.transaction() as session:
        session.add(
            Gap(
                topic=UPLOADS,
                partition=0,
                first=0,
                last=1,
                cause=GapCause.EMPTY,
                found_at=NOON,
            )
        )
    settle(database, *MANY, *MANY, first=2)
    assert carry(database, committed=len(MANY) + 2) == len(MANY) + 2
    end = 2 * len(MANY) + 2
    assert carry(database, committed=end) == end
    books = account(database, end=end, committed=end)
    assert (books.settled, books.done, books.balanced) == (2 * len(MANY), len(MANY) // 2, True)


def test_offsets_that_are_set_back_have_all_counted(database: Database) -> None:
    settle(database, *MANY)
    before = account(database, end=len(MANY), committed=0)
    carry(database, committed=len(MANY))
    assert account(database, end=len(MANY), committed=0) == before
    assert account(database, end=0, committed=0).unknown_to_kafka == len(MANY)


def test_partitions_without_a_delivery_are_not_carried(database: Database) -> None:
    with database.transaction() as session:
        carry_forward(session, [PartitionOffsets(APOD, 0, 0, 5000, 5000)])
        assert session.get(CarriedForward, (APOD, 0)) is None
