"""The parts' faults, as their heartbeats tell of them."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.database.engine import Database
from infra.database.faults import FaultKind
from infra.database.models import PartState
from infra.faults import PartFault, faults
from infra.parts import SILENT_SECONDS, Heartbeat

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Day:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def heartbeat(database: Database, day: Day) -> Heartbeat:
    return Heartbeat(database, "consumer", clock=day)


def noted(database: Database) -> list[PartFault]:
    with database.reading() as session:
        return faults(session, offset=0, limit=10)


def seconds(fault: PartFault) -> tuple[float, float | None]:
    ended = None if fault.ended_at is None else (fault.ended_at - NOON).total_seconds()
    return (fault.began_at - NOON).total_seconds(), ended


def test_a_wait_lasts_until_the_part_runs_and_keeps_its_last_words(
    database: Database, heartbeat: Heartbeat, day: Day
) -> None:
    heartbeat.beat(PartState.RUNNING)
    assert noted(database) == []
    day.pass_by(5)
    heartbeat.beat(PartState.WAITING, "for Kafka")
    day.pass_by(5)
    heartbeat.beat(PartState.WAITING, "for Kafka; for the database")
    [lasting] = noted(database)
    assert (lasting.kind, lasting.detail) == (FaultKind.WAITING, "for Kafka; for the database")
    assert seconds(lasting) == (5, None)
    day.pass_by(5)
    heartbeat.beat(PartState.RUNNING)
    [ended] = noted(database)
    assert (seconds(ended), ended.ended_as) == ((5, 15), PartState.RUNNING)


def test_a_death_lasts_until_the_part_runs_again_and_not_only_starts(
    database: Database, heartbeat: Heartbeat, day: Day
) -> None:
    heartbeat.beat(PartState.RUNNING)
    heartbeat.died("was killed by SIGKILL")
    day.pass_by(2)
    heartbeat.beat(PartState.STARTING)
    assert noted(database)[0].ended_at is None
    day.pass_by(2)
    heartbeat.beat(PartState.RUNNING)
    [fault] = noted(database)
    assert (fault.kind, seconds(fault)) == (FaultKind.DIED, (0, 4))


def test_every_death_in_a_row_is_one(database: Database, heartbeat: Heartbeat, day: Day) -> None:
    heartbeat.died("ended with exit code 1; next start in 0.5 s")
    day.pass_by(1)
    heartbeat.died("ended with exit code 1; next start in 1.0 s")
    day.pass_by(1)
    heartbeat.back(7)
    assert [seconds(fault) for fault in noted(database)] == [(1, 2), (0, 1)]


def test_silence_is_noted_once_it_is_over(
    database: Database, heartbeat: Heartbeat, day: Day
) -> None:
    heartbeat.beat(PartState.RUNNING)
    day.pass_by(SILENT_SECONDS + 1)
    heartbeat.beat(PartState.RUNNING)
    day.pass_by(5)
    heartbeat.beat(PartState.RUNNING)
    [fault] = noted(database)
    assert (fault.kind, seconds(fault)) == (FaultKind.SILENT, (0, SILENT_SECONDS + 1))


def test_a_part_that_was_stopped_on_purpose_was_not_silent(
    database: Database, heartbeat: Heartbeat, day: Day
) -> None:
    heartbeat.beat(PartState.RUNNING)
    heartbeat.stopped()
    day.pass_by(3600)
    heartbeat.beat(PartState.STARTING)
    heartbeat.beat(PartState.RUNNING)
    assert noted(database) == []


def test_what_is_over_for_a_quarter_of_a_year_is_forgotten(
    database: Database, heartbeat: Heartbeat, day: Day
) -> None:
    heartbeat.died("long ago")
    heartbeat.beat(PartState.RUNNING)
    heartbeat.stopped()
    day.pass_by(91 * 24 * 3600)
    heartbeat.died("today")
    assert [fault.detail for fault in noted(database)] == ["today"]
