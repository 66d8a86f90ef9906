"""The ledger of APOD's days: which are missing, which is due, and whose turn it is to ask."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState, StandIn
from infra.eventlog.reading import Offsets
from infra.eventlog.topics import APOD, BACKFILL
from infra.events.pictures import APOD_SOURCE, apod_id
from producers.apod.days import appearance, newest_day
from producers.apod.source import ApodEntry

CATCH_UP = timedelta(days=7)
"""How far back the days of a downtime are asked for by themselves; what is older is a backfill."""

STILL_EXPECTED = timedelta(days=7)
"""How long a day without an entry may still get one: the service has lagged by hours, and once
by days. Later it is skipped, and what fails again and again is given up."""

OPEN = (ApodState.WAITING, ApodState.ASKING)
"""States that a day does not stay in."""


_ASKED_AGAIN = (ApodState.WAITING, ApodState.SKIPPED, ApodState.FAILED)
"""States that a person need not put up with."""


@dataclass(frozen=True)
class Patience:
    """When a day that could not be had is asked for again."""

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    """NASA's demonstration key allows 50 requests a day; so do we, with room for a person's."""
    lease: timedelta = timedelta(minutes=5)
    """How long one process may be at it before another one takes the day over: longer than one
    request, one download and one send together may take."""
    faults: int = 10
    """Wrong answers after which a day that the service has had time for is given up: at the
    earliest after some four hours."""

    def after(self, tries: int) -> timedelta:
        """The wait after that many tries: twice as long each time, up to the longest."""
        doublings = min(tries - 1, 30)  # beyond all need, and within what an integer holds
        return min(self.first * (1 << doublings), self.longest)


@dataclass(frozen=True)
class Sending:
    """A send that was begun: the topic, and where its partitions ended before."""

    topic: str
    ends: Offsets


@dataclass(frozen=True)
class Claim:
    """The right to deal with a day, until the lease ends."""

    day: date
    turn: int
    """Counts the claims of the day; who comes back after his lease finds a later one."""
    topic: str = APOD
    """Where the day's event goes."""
    begun: Sending | None = None
    """What an earlier turn began to send, without our knowing whether it did."""


@dataclass(frozen=True)
class Verdict:
    """What asking for a day came to: published, skipped for good, or waiting to be asked again."""

    state: ApodState
    reason: str | None = None
    entry: ApodEntry | None = None
    retry_after: timedelta | None = None
    absent: bool = False
    """The service works, and had no entry."""
    away: bool = False
    """Something did not work that every other day may need as well."""
    fault: bool = False
    """The service answered, and the answer was wrong."""
    picture_url: str | None = None
    """Where what was sent was fetched from."""
    stand_in: StandIn | None = None


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

        On an empty ledger that is the newest day; else every day since the first that is known and
        not the backfill's, no further back than CATCH_UP.
        """
        now = self._clock()
        newest = newest_day(now)
        with self._database.transaction() as session:
            daily = select(func.min(ApodDay.day)).where(ApodDay.backfill == false())
            first = session.scalar(daily) or newest
            begin = min(newest, max(first, newest - CATCH_UP + timedelta(days=1)))
            known = set(session.scalars(select(ApodDay.day).where(ApodDay.day >= begin)))
            missing = [day for day in _days(begin, newest) if day not in known]
            return [day for day in missing if _begin(session, day, now)]

    def due(self) -> list[date]:
        """Days whose next try has come, the newest first; those of the backfill left out."""
        with self._database.reading() as session:
            due = (
                select(ApodDay.day)
                .where(_is_due(self._clock()), ApodDay.backfill == false())
                .order_by(ApodDay.day.desc())
            )
            return list(session.scalars(due))

    def next_of_backfill(self) -> date | None:
        """The newest day of the backfill that is due; what was tried before comes after it."""
        with self._database.reading() as session:
            return session.scalar(
                select(ApodDay.day)
                .where(_is_due(self._clock()), ApodDay.backfill == true())
                .order_by(ApodDay.tries, ApodDay.day.desc())
                .limit(1)
            )

    def backfill_goes_on_at(self) -> datetime | None:
        """When the next try of any of the backfill's days comes; None where all have ended."""
        with self._database.reading() as session:
            return session.scalar(
                select(func.min(ApodDay.next_try_at)).where(
                    ApodDay.state.in_(OPEN), ApodDay.backfill == true()
                )
            )

    def claim(self, day: date, *, by_person: bool = False) -> Claim | None:
        """Take a day's turn; None where it is not due, dealt with, or another's at this moment.

        A day without a row gets one.

        Args:
            by_person: somebody wants to know now: neither a wait nor that the day was skipped or
                given up before keeps it back.
        """
        now = self._clock()
        free = _is_due(now)
        if by_person:
            free = or_(free, ApodDay.state.in_(_ASKED_AGAIN))
        with self._database.transaction() as session:
            _begin(session, day, now)
            taken = session.execute(
                update(ApodDay)
                .where(ApodDay.day == day, free)
                .values(
                    state=ApodState.ASKING,
                    tries=ApodDay.tries + 1,
                    next_try_at=now + self._patience.lease,
                    updated_at=now,
                )
                .returning(ApodDay.tries, ApodDay.backfill, ApodDay.sending),
                execution_options={"synchronize_session": False},
            ).first()
        if taken is None:
            return None
        topic = BACKFILL if taken.backfill and not by_person else APOD
        return Claim(day, taken.tries, topic, _sending(taken.sending))

    def begin_sending(self, claim: Claim, ends: Offsets) -> bool:
        """Note that the day's event is about to be sent; False where another has taken over.

        From then on, whoever takes the day's turn looks behind these ends first.
        """
        now = self._clock()
        text = json.dumps({"topic": claim.topic, "ends": ends})
        with self._database.transaction() as session:
            noted = session.execute(
                update(ApodDay)
                .where(_is_held(claim))
                .values(sending=text, next_try_at=now + self._patience.lease)
                .returning(ApodDay.day),
                execution_options={"synchronize_session": False},
            ).first()
        return noted is not None

    def settle(self, claim: Claim, verdict: Verdict) -> bool:
        """Write down what came of a claim; False where another has taken the day over since."""
        now = self._clock()
        with self._database.transaction() as session:
            row = session.scalar(select(ApodDay).where(_is_held(claim)).with_for_update())
            if row is None:
                return False
            row.faults += verdict.fault
            row.state = self._state(row, verdict, now)
            row.reason = verdict.reason
            row.stand_in = verdict.stand_in
            row.updated_at = now
            row.next_try_at = None
            if row.state is ApodState.WAITING:
                row.next_try_at = now + self._wait(claim, verdict)
            if verdict.entry is not None:
                row.present_at = row.present_at or now
                _describe(row, verdict.entry, verdict.picture_url)
            elif verdict.absent and row.present_at is None:
                row.absent_at = now
            if verdict.state is ApodState.PUBLISHED:
                row.source, row.event_id = APOD_SOURCE, apod_id(claim.day)
                row.sending = None
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

    def _state(self, row: ApodDay, verdict: Verdict, now: datetime) -> ApodState:
        is_old = newest_day(now) - row.day >= STILL_EXPECTED
        if verdict.fault and is_old and row.faults >= self._patience.faults:
            return ApodState.FAILED
        return verdict.state

    def _wait(self, claim: Claim, verdict: Verdict) -> timedelta:
        return max(self._patience.after(claim.turn), verdict.retry_after or timedelta(0))


@dataclass(frozen=True)
class Overdue:
    """A day whose picture should have come."""

    day: date
    by: timedelta
    reason: str


def overdue(session: Session, now: datetime) -> Overdue | None:
    """The day that the daily run has waited for the longest, once it was asked for in vain."""
    row = session.scalar(
        select(ApodDay)
        .where(ApodDay.state.in_(OPEN), ApodDay.backfill == false(), ApodDay.reason.is_not(None))
        .order_by(ApodDay.day)
        .limit(1)
    )
    return Overdue(row.day, now - appearance(row.day), row.reason or "") if row else None


def _is_due(now: datetime) -> ColumnElement[bool]:
    # For a day that is being asked for, `next_try_at` is where the lease ends.
    return and_(ApodDay.state.in_(OPEN), ApodDay.next_try_at <= now)


def _is_held(claim: Claim) -> ColumnElement[bool]:
    return and_(
        ApodDay.day == claim.day,
        ApodDay.tries == claim.turn,
        ApodDay.state == ApodState.ASKING,
    )


def _sending(text: str | None) -> Sending | None:
    if text is None:
        return None
    noted = json.loads(text)
    return Sending(noted["topic"], {int(number): at for number, at in noted["ends"].items()})


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


def _describe(row: ApodDay, entry: ApodEntry, picture_url: str | None) -> None:
    row.title = entry.title
    row.explanation = entry.explanation
    row.credit = entry.credit
    row.copyright = entry.copyright
    row.media_type = entry.media_type
    row.permalink = entry.permalink
    row.picture_url = picture_url or next(iter(entry.picture_urls), None)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
