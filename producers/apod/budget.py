"""The requests that a service is asked, counted for all processes and over restarts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.backfill import RequestBudget
from infra.database.engine import Database
from producers.apod.answers import retry_after
from producers.apod.source import ApodUnavailable
from producers.apod.web import Answer

_WINDOW = timedelta(hours=1)
"""What api.nasa.gov counts its limit by."""
_ERRORS = 400
"""From this status on, an answer's wish to be left alone is meant for whoever asks next."""


@dataclass(frozen=True)
class Spending:
    """How a service's budget stands."""

    used: int = 0
    """Requests, ever."""
    remaining: int | None = None
    """Requests that the service takes still, if it says so."""
    closed_until: datetime | None = None
    """Until when it wants to be left alone, if it does now."""


class Budget:
    """One service's row. Every method raises DatabaseUnavailable where it cannot be reached."""

    def __init__(
        self, database: Database, service: str, per_hour: int, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._service = service
        self._pace = _WINDOW / per_hour
        self._clock = clock

    def spend(self) -> None:
        """Count one request. What cannot wait goes at once, and moves back what can.

        Raises:
            ApodUnavailable: the service has asked to be left alone.
        """
        now = self._clock()
        with self._row() as row:
            if row.closed_until is not None and row.closed_until > now:
                raise ApodUnavailable(
                    f"the APOD service wants no request before {row.closed_until:%H:%M:%S} UTC",
                    row.closed_until - now,
                )
            row.used += 1
            if row.remaining:
                row.remaining -= 1
            row.next_at = max(row.next_at or now, now) + self._interval(row.remaining)

    def heed(self, answer: Answer) -> None:
        """Keep what an answer says of the service's limits."""
        remaining = _number(answer.headers.get("x-ratelimit-remaining"))
        wait = retry_after(answer, self._clock) if answer.status >= _ERRORS else None
        if remaining is None and wait is None:
            return
        with self._row() as row:
            if remaining is not None:
                row.remaining = remaining
            if wait is not None:
                row.closed_until = self._clock() + wait

    def wait(self) -> timedelta:
        """How long something that can wait should; zero where it may go now."""
        now = self._clock()
        with self._database.reading() as session:
            row = session.get(RequestBudget, self._service)
        if row is None:
            return timedelta(0)
        latest = max(row.next_at or now, row.closed_until or now)
        return max(latest - now, timedelta(0))

    def spending(self) -> Spending:
        """What was used and what is left."""
        now = self._clock()
        with self._database.reading() as session:
            row = session.get(RequestBudget, self._service)
        if row is None:
            return Spending()
        closed = row.closed_until if row.closed_until and row.closed_until > now else None
        return Spending(row.used, row.remaining, closed)

    def pace(self) -> timedelta:
        """The time between two requests as things stand."""
        return self._interval(self.spending().remaining)

    def _interval(self, remaining: int | None) -> timedelta:
        # What is left lasts for an hour: so the last ones are still there for the day's picture.
        return self._pace if remaining is None else max(self._pace, _WINDOW / max(remaining, 1))

    @contextmanager
    def _row(self) -> Iterator[RequestBudget]:
        with self._database.transaction() as session:
            _begin(session, self._service)
            yield session.scalars(
                select(RequestBudget)
                .where(RequestBudget.service == self._service)
                .with_for_update()
            ).one()


def _begin(session: Session, service: str) -> None:
    if session.get(RequestBudget, service) is not None:
        return
    try:
        with session.begin_nested():
            session.add(RequestBudget(service=service, used=0))
    except IntegrityError:
        return  # another process was quicker


def _number(text: str | None) -> int | None:
    return int(text[:9]) if text and text.isascii() and text.isdigit() else None
