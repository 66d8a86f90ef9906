"""The scheduler: in time, only once, through outages, and gone when told to."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from sqlalchemy import select, text, update

import producers.scheduler
from infra.clock import utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.migrate import upgrade
from infra.database.models import ApodDay, ApodState, LagSample, Part, PartState
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.offsets import intake_offsets
from infra.eventlog.topics import APOD
from infra.health import Answer
from infra.settings import Settings
from producers.backfiller import open_backfill
from producers.lag import LagSampler
from producers.outages import Outages
from producers.scheduler import JOBS_TABLE, Scheduler, ask_due_days, daily_run
from tests.fixtures.apod_servers import ApodServer, Recorded, v2_entry
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.ports import free_ports
from tests.producers.conftest import Configure, SettableClock, picture

TODAY = date(2026, 11, 23)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def quiet(configure: Configure, apod_server: ApodServer, kafka: LocalBroker) -> Settings:
    """Settings under which nothing is ever sent: the service knows no day."""
    return configure(apod_v2_url=apod_server.v2_url, kafka_bootstrap_servers=kafka.bootstrap)


def _eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def _states(database: Database) -> dict[date, ApodState]:
    with database.reading() as session:
        return {row.day: row.state for row in session.scalars(select(ApodDay))}


def _apod_events(settings: Settings) -> int:
    return sum(at.end for at in intake_offsets(settings) if at.topic == APOD)


def test_two_schedulers_send_one_event(
    kafka: LocalBroker,
    sqlite: Database,
    configure: Configure,
    apod_server: ApodServer,
    clock: SettableClock,
) -> None:
    settings = configure(kafka_bootstrap_servers=kafka.bootstrap, apod_v2_url=apod_server.v2_url)
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    apod_server.put(f"/dynamicimage/{TODAY}.png", Recorded(picture()))
    before = _apod_events(settings)
    start = threading.Barrier(2)

    def schedule() -> None:
        start.wait()
        ask_due_days(settings, sqlite, clock)

    threads = [threading.Thread(target=schedule) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _apod_events(settings) == before + 1
    assert _states(sqlite) == {TODAY: ApodState.PUBLISHED}


def test_a_day_is_polled_for_until_it_is_there(
    running: Settings, sqlite: Database, apod_server: ApodServer, clock: SettableClock
) -> None:
    ask_due_days(running, sqlite, clock)
    assert _states(sqlite) == {TODAY: ApodState.WAITING}
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    apod_server.put(f"/dynamicimage/{TODAY}.png", Recorded(picture()))
    asked = len(apod_server.requests)
    ask_due_days(running, sqlite, clock)  # not yet
    assert len(apod_server.requests) == asked
    clock.forward(minutes=1)
    ask_due_days(running, sqlite, clock)
    assert _states(sqlite) == {TODAY: ApodState.PUBLISHED}


def test_days_of_a_downtime_are_asked_for_once(
    quiet: Settings, sqlite: Database, apod_server: ApodServer, clock: SettableClock
) -> None:
    ask_due_days(quiet, sqlite, clock)
    clock.forward(days=3)
    apod_server.requests.clear()
    ask_due_days(quiet, sqlite, clock)
    ask_due_days(quiet, sqlite, clock)
    assert [path.rpartition("/")[2] for path in apod_server.requests] == [
        "261126",
        "261125",
        "261124",
        "261123",
    ]


def test_the_scheduler_works_the_backfill_off_and_the_daily_run_leaves_it_alone(
    running: Settings, sqlite: Database, apod_server: ApodServer
) -> None:
    long_ago = [date(2024, 2, 28), date(2024, 2, 29)]
    for day in long_ago:
        apod_server.v2(day, v2_entry(apod_server, day))
        apod_server.put(f"/dynamicimage/{day}.png", Recorded(picture()))
    open_backfill(running, sqlite).ask_for(*long_ago)
    ask_due_days(running, sqlite)
    assert {_states(sqlite)[day] for day in long_ago} == {ApodState.WAITING}
    scheduler = Scheduler(running)
    scheduler.start()
    try:
        _eventually(lambda: {_states(sqlite)[day] for day in long_ago} == {ApodState.PUBLISHED})
    finally:
        scheduler.stop()


def test_a_paused_backfill_does_not_hold_the_day_back(
    running: Settings, sqlite: Database, apod_server: ApodServer, clock: SettableClock
) -> None:
    backfill = open_backfill(running, sqlite, clock)
    backfill.ask_for(date(2024, 2, 28), TODAY)
    backfill.pause()
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    apod_server.put(f"/dynamicimage/{TODAY}.png", Recorded(picture()))
    before = _apod_events(running)
    ask_due_days(running, sqlite, clock)
    assert _states(sqlite)[TODAY] is ApodState.PUBLISHED
    assert _apod_events(running) == before + 1


def test_the_stored_job_does_its_work_by_itself(quiet: Settings, sqlite: Database) -> None:
    daily_run()
    assert list(_states(sqlite).values()) == [ApodState.WAITING]


def test_the_daily_run_outlives_a_database_that_is_away(
    quiet: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    daily_run()  # the database has no tables
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.fixture
def scheduler(quiet: Settings, sqlite: Database) -> Iterator[Scheduler]:
    scheduler = Scheduler(quiet)
    yield scheduler
    scheduler.stop()


def test_it_says_whether_it_lives_and_which_work_waits(
    configure: Configure, sqlite: Database, apod_server: ApodServer
) -> None:
    [nobody] = free_ports(1)
    away = f"127.0.0.1:{nobody}"
    scheduler = Scheduler(configure(apod_v2_url=apod_server.v2_url, kafka_bootstrap_servers=away))
    assert scheduler.lives() == Answer(True, "alive")
    assert scheduler.is_ready() == Answer(False, "starting")
    scheduler.start()
    try:
        _eventually(lambda: "waiting: " in scheduler.is_ready().says, seconds=90)
        assert not scheduler.is_ready().well
        assert scheduler.lives() == Answer(True, "alive")
    finally:
        scheduler.stop()


def _stored_run(database: Database) -> datetime:
    with database.reading() as session:
        seconds = session.scalar(text(f"SELECT next_run_time FROM {JOBS_TABLE}"))
    assert seconds is not None
    return datetime.fromtimestamp(seconds, UTC)


RUNS: list[datetime] = []


def counted_run() -> None:
    """In the stored job's place; at the top of the module, because jobs are stored by name."""
    RUNS.append(utc_now())


@pytest.mark.parametrize("late", [timedelta(hours=10), timedelta(days=3, hours=10)])
def test_a_run_that_a_downtime_swallowed_is_made_up_for_once(
    quiet: Settings,
    sqlite: Database,
    scheduler: Scheduler,
    monkeypatch: pytest.MonkeyPatch,
    late: timedelta,
) -> None:
    before = Scheduler(quiet)
    before.start()
    _eventually(lambda: _stored_run(sqlite) > utc_now())
    before.stop()
    _move_the_run_back(sqlite, late)
    RUNS.clear()
    monkeypatch.setattr(producers.scheduler, "daily_run", counted_run)
    scheduler.start()
    _eventually(lambda: _stored_run(sqlite) > utc_now())
    _eventually(lambda: len(RUNS) > 0)
    scheduler.stop()
    assert len(RUNS) == 1


def _move_the_run_back(database: Database, late: timedelta) -> None:
    missed = utc_now() - late
    jobs = SQLAlchemyJobStore(engine=database.engine, tablename=JOBS_TABLE).jobs_t
    with database.engine.begin() as connection:
        state = pickle.loads(connection.execute(select(jobs.c.job_state)).scalar_one())
        state["next_run_time"] = missed
        connection.execute(
            update(jobs).values(next_run_time=missed.timestamp(), job_state=pickle.dumps(state))
        )


def test_without_tables_nothing_starts_and_it_can_be_tried_again(quiet: Settings) -> None:
    scheduler = Scheduler(quiet)
    with pytest.raises(DatabaseUnavailable, match="doublet db upgrade"):
        scheduler.start()
    upgrade(Database(quiet.database))
    scheduler.start()
    scheduler.stop()


def test_an_outage_is_one_line_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outages = Outages()
    for _ in range(3):
        with outages.noticed("sampling"):
            raise EventLogUnavailable("Kafka does not answer")
        with outages.noticed("asking"):
            raise EventLogUnavailable("Kafka does not answer")
    for _ in range(3):
        with outages.noticed("asking"):
            pass
        with outages.noticed("sampling"):
            pass
    assert [record.getMessage() for record in caplog.records] == [
        "Kafka does not answer; trying again until it does",
        "sampling works again",
    ]


def test_lag_is_sampled_for_every_partition_and_kept_for_a_day(
    running: Settings, sqlite: Database, clock: SettableClock
) -> None:
    clock.now = utc_now()
    sampler = LagSampler(running, sqlite, clock)
    sampler.sample()
    clock.forward(hours=25)
    sampler.sample()
    with sqlite.reading() as session:
        samples = list(session.scalars(select(LagSample)))
    assert {(sample.topic, sample.partition) for sample in samples} == {
        (at.topic, at.partition) for at in intake_offsets(running)
    }
    assert {sample.taken_at for sample in samples} == {clock.now}


def test_the_process_waits_for_its_parts_and_ends_when_told(
    configure: Configure, apod_server: ApodServer, tmp_path: Path
) -> None:
    settings = configure(apod_v2_url=apod_server.v2_url, kafka_bootstrap_servers="127.0.0.1:1")
    database = Database(settings.database)
    log = tmp_path / "scheduler.log"
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "producers"], cwd=ROOT, env=dict(os.environ), stderr=lines
        )
    try:
        _eventually(lambda: "no tables yet" in log.read_text())
        upgrade(database)
        _eventually(lambda: _part(database) is PartState.RUNNING)
        _eventually(lambda: len(_states(database)) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
    said = log.read_text()
    assert "Traceback" not in said
    assert said.count("no tables yet") == 1
    assert _part(database) is PartState.STOPPED


def _part(database: Database) -> PartState | None:
    with database.reading() as session:
        return session.scalar(select(Part.state).where(Part.name == "scheduler"))
