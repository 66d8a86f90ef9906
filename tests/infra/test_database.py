"""The tables and their migrations, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from infra.database import (
    doors,  # noqa: F401  (its tables as well)
    engine,
)
from infra.database.engine import BadDatabaseUrl, Database, DatabaseUnavailable, TablesMissing
from infra.database.migrate import revision, upgrade
from infra.database.models import Base, Image, ImageState, Lane, Part, PartState
from infra.parts import Heartbeat

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def image(event_id: str = "upload:1") -> Image:
    return Image(
        source="doublet:uploads",
        event_id=event_id,
        lane=Lane.UPLOAD,
        name="m51.jpg",
        state=ImageState.WORKING,
        received_at=NOON,
    )


def test_the_migrations_make_exactly_the_tables_that_the_models_describe(
    database: Database,
) -> None:
    with database.transaction() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    assert revision(database) is None
    reached = upgrade(database)
    assert upgrade(database) == reached == revision(database)
    database.close()


def test_one_row_per_event(database: Database) -> None:
    with database.transaction() as session:
        session.add(image())
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(image())


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def add_and_fail() -> None:
        with database.transaction() as session:
            session.add(image())
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    with database.reading() as session:
        assert session.query(Image).count() == 0


def test_times_come_back_in_utc_wherever_they_were_taken(database: Database) -> None:
    taken = NOON.astimezone(timezone(timedelta(hours=-5)))
    with database.transaction() as session:
        row = image()
        row.sent_at = taken
        session.add(row)
    with database.reading() as session:
        read = session.query(Image).one().sent_at
    assert read == taken
    assert read is not None
    assert read.utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused(database: Database) -> None:
    row = image()
    row.sent_at = datetime(2026, 11, 23, 12)  # noqa: DTZ001  (the fault under test)
    with pytest.raises(Exception, match="no time zone"), database.transaction() as session:
        session.add(row)


def test_an_unreachable_database_is_named_so() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(DatabaseUnavailable), database.reading() as session:
        session.query(Image).count()


def test_a_database_that_stays_locked_is_named_so(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    patient = Database(database_url)
    with database.transaction() as ours:
        ours.add(image())
        ours.flush()
        if database.engine.name == "postgresql":
            ours.execute(text("LOCK TABLE images"))
        with pytest.raises(DatabaseUnavailable), patient.transaction() as theirs:
            theirs.execute(select(Image).with_for_update())
    patient.close()


def test_a_disk_that_is_full_is_said_so_in_a_savepoint_as_well(sqlite: Database) -> None:
    event.listen(sqlite.engine, "begin", lambda it: it.exec_driver_sql("PRAGMA max_page_count = 1"))
    row = image()
    row.name = "m" * 100_000

    def insert() -> None:
        with sqlite.transaction() as session, session.begin_nested():
            session.add(row)

    with pytest.raises(DatabaseUnavailable, match="full"):
        insert()


def test_a_database_without_tables_says_what_to_do(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(TablesMissing, match="doublet db upgrade"), database.reading() as session:
        session.query(Image).count()
    database.close()


def test_a_nonsense_url_is_one_clear_line() -> None:
    with pytest.raises(BadDatabaseUrl, match="DATABASE_URL"):
        Database("nonsense")


def test_a_heartbeat_tells_since_when_a_part_is_in_its_state(database: Database) -> None:
    moments = iter(NOON + timedelta(seconds=second) for second in range(10))
    heartbeat = Heartbeat(database, "consumer", clock=lambda: next(moments))
    heartbeat.beat(PartState.RUNNING)
    heartbeat.beat(PartState.WAITING, "for the model server")
    heartbeat.beat(PartState.WAITING, "for the model server")
    heartbeat.died("exit code 9, next try in 1 s")
    with database.reading() as session:
        part = session.get_one(Part, "consumer")
    assert part.state is PartState.RESTARTING
    assert part.restarts == 1
    assert part.pid is None
    assert part.changed_at == part.seen_at == NOON + timedelta(seconds=3)
