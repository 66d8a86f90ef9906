"""The ledger of APOD's days: which are missing, which is due, and whose turn it is to ask."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState
from infra.events.pictures import APOD_SOURCE, apod_id
from producers.apod.days import newest_day
from producers.apod.source import ApodEntry

CATCH_UP = timedelta(days=7)
"""How far back the days of a downtime are asked for by themselves; what is older is a backfill."""

_OPEN = (ApodState.WAITING, ApodState.ASKING)


@dataclass(frozen=True)
class Patience:
    """When a day that could not be had is asked for again."""

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    """NASA's demonstration key allows 50 requests a day; so do we, with room for a person's."""
    lease: timedelta = timedelta(minutes=5)
    """How long one process may be at it before another one takes the day over: longer than one
    request, one download and one send together may take."""

    def after(self, tries: int) -> timedelta:
        """The wait after that many tries: twice as long each time, up to the longest."""
        doublings = min(tries - 1, 30)  # beyond all need, and within what an integer holds
        return min(self.first * (1 << doublings), self.longest)


@dataclass(frozen=True)
class Claim:
    """The right to deal with a day, until the lease ends."""

    day: date
    turn: int
    """Counts the claims of the day; who comes back after his lease finds a later one."""


@dataclass(frozen=True)
class Verdict:
    """What asking for a day came to: published, skipped for good, or waiting to be asked again."""

    state: ApodState
    reason: str | None = None
    entry: ApodEntry | None = None
    retry_after: timedelta | None = None


class Ledger:
    """The table of days. Every method raises DatabaseUnavailable where it cannot be reached."""

    def __init__(
        self, database: Database, clock: Clock = utc_now, patience: Patience | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._patience = patience or Patience()

    def note_missing(self) -> list[date]:
        """Begin the rows of days that have none, and answer which these are.

        On an empty ledger that is the newest day; else every day since the first that is known,
        no further back than CATCH_UP.
        """
        now = self._clock()
        newest = newest_day(now)
        with self._database.transaction() as session:
            first = session.scalar(select(func.min(ApodDay.day))) or newest
            begin = min(newest, max(first, newest - CATCH_UP + timedelta(days=1)))
            known = set(session.scalars(select(ApodDay.day).where(ApodDay.day >= begin)))
            missing = [day for day in _days(begin, newest) if day not in known]
            return [day for day in missing if _begin(session, day, now)]

    def due(self) -> list[date]:
        """Days whose next try has come, the newest first."""
        with self._database.reading() as session:
            due = select(ApodDay.day).where(_is_due(self._clock())).order_by(ApodDay.day.desc())
            return list(session.scalars(due))

    def claim(self, day: date, *, by_person: bool = False) -> Claim | None:
        """Take a day's turn; None where it is not due, dealt with, or another's at this moment.

        A day without a row gets one.

        Args:
            by_person: somebody wants to know now: neither a wait nor that the day was skipped
                before keeps it back.
        """
        now = self._clock()
        free = _is_due(now)
        if by_person:
            free = or_(free, ApodDay.state.in_((ApodState.WAITING, ApodState.SKIPPED)))
        with self._database.transaction() as session:
            _begin(session, day, now)
            turn = session.scalar(
                update(ApodDay)
                .where(ApodDay.day == day, free)
                .values(
                    state=ApodState.ASKING,
                    tries=ApodDay.tries + 1,
                    next_try_at=now + self._patience.lease,
                    updated_at=now,
                )
                .returning(ApodDay.tries),
                execution_options={"synchronize_session": False},
            )
        return None if turn is None else Claim(day, turn)

    def settle(self, claim: Claim, verdict: Verdict) -> bool:
        """Write down what came of a claim; False where another has taken the day over since."""
        now = self._clock()
        with self._database.transaction() as session:
            row = session.scalar(
                select(ApodDay)
                .where(ApodDay.day == claim.day, ApodDay.tries == claim.turn)
                .where(ApodDay.state == ApodState.ASKING)
                .with_for_update()
            )
            if row is None:
                return False
            row.state = verdict.state
            row.reason = verdict.reason
            row.updated_at = now
            row.next_try_at = self._next_try(claim, verdict, now)
            if verdict.entry is not None:
                _describe(row, verdict.entry)
            if verdict.state is ApodState.PUBLISHED:
                row.source, row.event_id = APOD_SOURCE, apod_id(claim.day)
            return True

    def read(self, day: date) -> ApodDay:
        """What is known of a day that was claimed or noted before."""
        with self._database.reading() as session:
            return session.get_one(ApodDay, day)

    def newest_waiting(self) -> ApodDay | None:
        """The newest day that is waited for, if any."""
        with self._database.reading() as session:
            return session.scalar(
                select(ApodDay)
                .where(ApodDay.state == ApodState.WAITING)
                .order_by(ApodDay.day.desc())
                .limit(1)
            )

    def _next_try(self, claim: Claim, verdict: Verdict, now: datetime) -> datetime | None:
        if verdict.state is not ApodState.WAITING:
            return None
        return now + max(self._patience.after(claim.turn), verdict.retry_after or timedelta(0))


def _is_due(now: datetime) -> ColumnElement[bool]:
    # For a day that is being asked for, `next_try_at` is where the lease ends.
    return and_(ApodDay.state.in_(_OPEN), ApodDay.next_try_at <= now)


def _begin(session: Session, day: date, now: datetime) -> bool:
    if session.get(ApodDay, day) is not None:
        return False
    row = ApodDay(day=day, state=ApodState.WAITING, tries=0, next_try_at=now, updated_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False  # another process was quicker
    return True


def _describe(row: ApodDay, entry: ApodEntry) -> None:
    row.title = entry.title
    row.explanation = entry.explanation
    row.credit = entry.credit
    row.copyright = entry.copyright
    row.media_type = entry.media_type
    row.permalink = entry.permalink
    row.picture_url = entry.picture_url


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
