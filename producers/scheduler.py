"""The scheduler: asks for each day's picture in time, and keeps asking until it has it.

The ledger decides what is to be done; the jobs only wake it up. So a run that was missed, came
twice or broke off does no harm.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import SQLAlchemyError

from infra import logs
from infra.clock import Clock, utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.migrate import require_tables
from infra.database.models import PartState
from infra.errors import Unavailable
from infra.events.pictures import apod_id
from infra.health import Answer
from infra.parts import BEAT_SECONDS, Heartbeat
from infra.settings import Settings, settings
from producers.apod.days import NEW_YORK, PUBLISHED_AT, newest_day, next_appearance
from producers.auditing import AUDIT_SECONDS, Auditor
from producers.backfiller import open_backfiller
from producers.lag import SAMPLE_SECONDS, LagSampler
from producers.ledger import Ledger
from producers.outages import Outages
from producers.publishing import open_publisher

log = logging.getLogger(__name__)

JOBS_TABLE = "scheduled_jobs"
"""APScheduler creates it itself; it is in no migration."""

_MISFIRE_GRACE = timedelta(hours=26)
"""A run that a downtime swallowed is made up for until the next one is due itself, on the day when
the clocks go back an hour as well."""
_POLL_SECONDS = 15
"""How soon a day whose next try has come is noticed; the ledger's patience is longer."""
_STORE_RETRY_SECONDS = 10
"""How soon the jobs are looked for again in a database that was away."""
_ALIVE_SECONDS = 90.0
"""A beat is due every five seconds, and waits half a minute for a database that is locked."""


class PatientJobStore(SQLAlchemyJobStore):  # type: ignore[misc]  # APScheduler has no types
    """Outlives its database's absence, which would otherwise end the scheduler's own thread."""

    def update_job(self, job: Job) -> None:
        try:
            super().update_job(job)
        except SQLAlchemyError as error:
            # It will be found due once more, and do no harm.
            log.debug("the job %s keeps its old time: %s", job.id, error)

    def get_next_run_time(self) -> datetime:
        soon = datetime.now(UTC) + timedelta(seconds=_STORE_RETRY_SECONDS)
        try:
            return super().get_next_run_time() or soon
        except SQLAlchemyError:
            return soon


def each_day(first: date) -> CalendarIntervalTrigger:
    """Fires when a day of APOD appears, from the first one on.

    Not CronTrigger: APScheduler 3.11's passes over the day after the clocks went forward.
    """
    return CalendarIntervalTrigger(
        days=1,
        hour=PUBLISHED_AT.hour,
        minute=PUBLISHED_AT.minute,
        start_date=first,
        timezone=NEW_YORK,
    )


def ask_due_days(settings: Settings, database: Database, clock: Clock = utc_now) -> None:
    """Note which days are missing, and ask for all that are due.

    Raises:
        Unavailable: the database or the blob store is away; the next call goes on.
    """
    ledger = Ledger(database, clock)
    ledger.note_missing()
    due = ledger.due()
    if not due:
        return
    with open_publisher(settings, database, clock) as publisher:
        for day in due:
            claim = ledger.claim(day)
            if claim is None:
                continue  # another scheduler was quicker
            known = ledger.read(day)
            verdict = publisher.publish(claim)
            if verdict.reason is None or verdict.reason != known.reason:
                said = ": ".join(filter(None, (verdict.state, verdict.reason)))
                with logs.about(event_id=apod_id(day)):
                    log.info("APOD of %s: %s", day, said)


def daily_run() -> None:
    """The persistent job. It is stored by name, so it opens for itself what it needs."""
    current = settings()
    with closing(Database(current.database)) as database:
        try:
            ask_due_days(current, database)
        except Unavailable as error:
            log.warning("the daily run is left to the next poll: %s", error)


class Scheduler:
    """The jobs of this part, from start to stop."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._database = Database(settings.database)
        self._ledger = Ledger(self._database, clock)
        self._heartbeat = Heartbeat(self._database, "scheduler", clock)
        self._lag = LagSampler(settings, self._database, clock)
        self._auditor = Auditor(settings, self._database, clock)
        self._outages = Outages()
        self._beat_at: float | None = None
        self._stop = threading.Event()
        self._jobs = BackgroundScheduler()

    def start(self) -> None:
        """Start the jobs, which run until stop().

        Raises:
            DatabaseUnavailable: there is no database to keep them in; nothing runs yet.
        """
        require_tables(self._database)
        self._stop.clear()
        self._jobs = _jobs_in(self._database)
        try:
            self._jobs.start(paused=True)
            self._keep_daily_run()
        except SQLAlchemyError as error:
            self.stop()
            raise DatabaseUnavailable(f"the database does not answer: {error}") from error
        self._every(_POLL_SECONDS, self._poll, executor="days")
        self._every(_POLL_SECONDS, self._work_off_backfill, executor="backfill")
        self._every(SAMPLE_SECONDS, self._sample_lag)
        self._every(AUDIT_SECONDS, self._audit)
        self._every(BEAT_SECONDS, self._beat)
        self._jobs.resume()

    def stop(self) -> None:
        """Start nothing more. What is under way may be cut off at any point."""
        self._stop.set()
        if self._jobs.running:
            # APScheduler looks for due jobs once more after it has closed its executors.
            self._jobs.remove_all_jobs("memory")
            self._jobs.shutdown(wait=False)
            self._heartbeat.stopped()

    def lives(self) -> Answer:
        """Whether its jobs are run, or have not begun to be."""
        lives = self._beat_at is None or time.monotonic() - self._beat_at < _ALIVE_SECONDS
        return Answer(lives, "alive" if lives else "the jobs have stopped running")

    def is_ready(self) -> Answer:
        """Whether it works, or which work waits for another part."""
        if self._beat_at is None:
            return Answer(False, "starting")
        waits = self._outages.waiting
        return Answer(not waits, f"waiting: {', '.join(waits)}" if waits else "running")

    def _keep_daily_run(self) -> None:
        how = {
            "func": daily_run,
            "trigger": each_day(newest_day(self._clock())),
            "executor": "days",
            "misfire_grace_time": int(_MISFIRE_GRACE.total_seconds()),
        }
        try:
            self._jobs.add_job(id="daily", **how)
        except ConflictingIdError:
            # A stored job keeps its time, which knows of a run that was missed.
            self._jobs.modify_job("daily", **how)

    def _every(self, seconds: float, work: Callable[[], None], executor: str = "default") -> None:
        self._jobs.add_job(
            work,
            IntervalTrigger(seconds=seconds),
            jobstore="memory",
            executor=executor,
            next_run_time=datetime.now(UTC),
        )

    def _poll(self) -> None:
        with self._outages.noticed("asking for days"):
            ask_due_days(self._settings, self._database, self._clock)

    def _work_off_backfill(self) -> None:
        with self._outages.noticed("the backfill"):
            if self._ledger.backfill_goes_on_at() is None:
                return
            with open_backfiller(self._settings, self._database, self._clock) as backfiller:
                backfiller.work(self._stop)

    def _sample_lag(self) -> None:
        with self._outages.noticed("sampling the lag"):
            self._lag.sample()

    def _audit(self) -> None:
        with self._outages.noticed("the audit"):
            self._auditor.audit()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        with self._outages.noticed("the heartbeat"):
            self._heartbeat.beat(PartState.RUNNING, self._detail())

    def _detail(self) -> str:
        waiting = self._ledger.newest_waiting()
        if waiting is not None and waiting.reason:
            return f"waiting for APOD of {waiting.day}: {waiting.reason}"
        return f"next run {next_appearance(self._clock()):%Y-%m-%d %H:%M} New York"


def _jobs_in(database: Database) -> BackgroundScheduler:
    return BackgroundScheduler(
        jobstores={
            "default": PatientJobStore(engine=database.engine, tablename=JOBS_TABLE),
            "memory": MemoryJobStore(),
        },
        # Days are asked for one after the other; neither beats nor samples wait for them, nor does
        # the newest day for those of the backfill.
        executors={
            "default": ThreadPoolExecutor(2),
            "days": ThreadPoolExecutor(1),
            "backfill": ThreadPoolExecutor(1),
        },
        job_defaults={"coalesce": True, "misfire_grace_time": None},
        jobstore_retry_interval=_STORE_RETRY_SECONDS,
        timezone=UTC,
    )
