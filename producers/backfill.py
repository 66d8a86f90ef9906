"""The backfill: which days it consists of, how far it has come, and whether it may go on."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

from sqlalchemy import func, insert, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.backfill import Backfill as BackfillRow
from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState
from producers.apod.budget import Budget
from producers.apod.days import NEVER_PUBLISHED, newest_day
from producers.ledger import OPEN, Verdict

_ONE = 1
"""There is one backfill, and one row of it."""
_FIRST_REST = timedelta(seconds=2)
_LONGEST_REST = timedelta(minutes=5)
"""Rests while something is away: seldom enough to be no burden, and soon back when it is."""
_TIMED = 50
"""Days whose times the estimate is made from: enough for a median."""


@dataclass(frozen=True)
class Asked:
    """What asking for a stretch of days came to."""

    days: int
    begun: int
    """Those that were not known, or had been given up."""


@dataclass(frozen=True)
class Progress:
    """How far the backfill has come, in days."""

    published: int
    skipped: int
    failed: int
    waiting: int
    paused_at: datetime | None
    trouble: str | None
    """What was away at the last try."""
    rests_until: datetime | None
    """When it is tried again, if not already."""
    requests_used: int
    """Ever, by the daily run as well."""
    requests_left: int | None
    """By the service's own word; None where it says nothing."""
    seconds_left: float | None
    """An estimate; None where nothing was timed yet."""

    @property
    def total(self) -> int:
        """All days that were ever asked for."""
        return self.ended + self.waiting

    @property
    def ended(self) -> int:
        """Days that are dealt with, in whichever way."""
        return self.published + self.skipped + self.failed


@dataclass(frozen=True)
class Leave:
    """Whether the backfill may go on."""

    paused: bool = False
    failures: int = 0
    rests_until: datetime | None = None


class Backfill:
    """The backfill in the database, for whoever works at it, steers it or looks at it.

    Every method raises DatabaseUnavailable where the database cannot be reached.
    """

    def __init__(self, database: Database, budget: Budget, clock: Clock = utc_now) -> None:
        self._database = database
        self._budget = budget
        self._clock = clock

    def ask_for(self, first: date, last: date) -> Asked:
        """Begin the days of a stretch that are not known yet, and again those that were given up.

        The newest day is the daily run's, which knows how to wait for it.
        """
        days = [day for day in _days(first, last) if day not in NEVER_PUBLISHED]
        while True:
            try:
                return Asked(len(days), self._begin(first, last, days))
            except IntegrityError:
                continue  # another process has begun one of them meanwhile

    def pause(self) -> None:
        """Ask for no further day until resume(); the one at hand is finished."""
        with self._row() as row:
            row.paused_at = row.paused_at or self._clock()

    def resume(self) -> None:
        """Go on, and try what was away at once."""
        with self._row() as row:
            row.paused_at = None
            row.failures, row.trouble, row.rests_until = 0, None, None

    def leave(self) -> Leave:
        """Whether it may go on now."""
        with self._database.reading() as session:
            row = session.get(BackfillRow, _ONE)
        if row is None:
            return Leave()
        return Leave(row.paused_at is not None, row.failures, row.rests_until)

    def note(self, verdict: Verdict, leave: Leave) -> None:
        """Rest longer each time that something is away; and no more once a day was dealt with."""
        if not verdict.away:
            if leave.failures:
                with self._row() as row:
                    row.failures, row.trouble, row.rests_until = 0, None, None
            return
        rest = max(_rest(leave.failures), verdict.retry_after or timedelta(0))
        with self._row() as row:
            row.failures = leave.failures + 1
            row.trouble = verdict.reason
            row.rests_until = self._clock() + rest

    def progress(self) -> Progress:
        """How far it has come."""
        now = self._clock()
        with self._database.reading() as session:
            counted = session.execute(
                select(ApodDay.state, func.count())
                .where(ApodDay.backfill == true())
                .group_by(ApodDay.state)
            )
            counts: dict[ApodState, int] = dict(counted.all())
            seconds = _seconds_a_day(session)
            row = session.get(BackfillRow, _ONE)
        spending = self._budget.spending()
        waiting = sum(counts.get(state, 0) for state in OPEN)
        return Progress(
            published=counts.get(ApodState.PUBLISHED, 0),
            skipped=counts.get(ApodState.SKIPPED, 0),
            failed=counts.get(ApodState.FAILED, 0),
            waiting=waiting,
            paused_at=row.paused_at if row else None,
            trouble=row.trouble if row else None,
            rests_until=row.rests_until if row and _is_ahead(row.rests_until, now) else None,
            requests_used=spending.used,
            requests_left=spending.remaining,
            seconds_left=self._seconds_left(waiting, seconds),
        )

    def _seconds_left(self, waiting: int, seconds_a_day: float | None) -> float | None:
        if not waiting:
            return 0.0
        if seconds_a_day is None:
            return None
        pace = self._budget.pace().total_seconds()
        return waiting * max(seconds_a_day, pace) + self._budget.wait().total_seconds()

    def _begin(self, first: date, last: date, days: list[date]) -> int:
        now = self._clock()
        newest = newest_day(now)
        fresh = {
            "state": ApodState.WAITING,
            "tries": 0,
            "faults": 0,
            "next_try_at": now,
            "updated_at": now,
        }
        with self._database.transaction() as session:
            within = ApodDay.day.between(first, last)
            known = set(session.scalars(select(ApodDay.day).where(within)))
            missing = [
                {"day": day, "backfill": day < newest, **fresh} for day in days if day not in known
            ]
            if missing:
                session.execute(insert(ApodDay), missing)
            again = session.scalars(
                update(ApodDay)
                .where(within, ApodDay.state == ApodState.FAILED)
                .values(backfill=True, **fresh)
                .returning(ApodDay.day),
                execution_options={"synchronize_session": False},
            ).all()
            return len(missing) + len(again)

    @contextmanager
    def _row(self) -> Iterator[BackfillRow]:
        with self._database.transaction() as session:
            row = session.get(BackfillRow, _ONE)
            if row is None:
                row = BackfillRow(id=_ONE, failures=0)
                session.add(row)
            yield row


def _seconds_a_day(session: Session) -> float | None:
    """The usual time from one day's end to the next one's; a pause does not change it."""
    ended = session.scalars(
        select(ApodDay.updated_at)
        .where(ApodDay.backfill == true(), ApodDay.state.not_in(OPEN))
        .order_by(ApodDay.updated_at.desc())
        .limit(_TIMED)
    ).all()
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(ended)]
    return median(gaps) if gaps else None


def _is_ahead(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now


def _rest(failures: int) -> timedelta:
    longest = min(_FIRST_REST * (1 << min(failures, 30)), _LONGEST_REST)
    return longest * random.uniform(0.5, 1)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
