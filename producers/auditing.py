"""The audit: whether everything adds up and comes in time, looked at by a clock of its own.

What it finds is shown as metrics, and what somebody must know of is an alert until it has passed.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from infra.alerts import Alerts, Findings
from infra.books import Account, Books, read_books
from infra.clock import Clock, utc_now
from infra.database.backfill import RequestBudget
from infra.database.engine import Database
from infra.database.models import Alert, AlertKind, ApodDay, DeadLetter
from infra.eventlog.offsets import intake_offsets
from infra.settings import Settings
from producers import metrics
from producers.ledger import Overdue, overdue
from producers.metrics import SCHEDULER

AUDIT_SECONDS = 30
_SHARE = 10
"""The books are drawn up in a tenth of the time at most, however many records they have."""
_LONGEST_REST_S = 300.0
"""Half of what an alert allows that tells of books which nobody audits."""
_HOUR = timedelta(hours=1)
_MOST_LETTERS = 1_000
"""Letters of the last hour that are counted: more is no more of an alarm."""


class Auditor:
    """Looks once whenever it is asked to."""

    def __init__(self, settings: Settings, database: Database, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        alerts = Alerts(database, clock)
        self._books = Findings(alerts, AlertKind.BOOKS)
        self._letters = Findings(alerts, AlertKind.DEAD_LETTERS)
        self._days = Findings(alerts, AlertKind.APOD_LATE)
        self._differed = False
        self._rests_until = 0.0

    def audit(self) -> None:
        """Look at the days, the dead letters and the books.

        Raises:
            DatabaseUnavailable, EventLogUnavailable: it could not be looked at all of it.
        """
        with self._database.reading() as session:
            late = overdue(session, self._clock())
            letters = self._letters_of_an_hour(session)
        metrics.APOD_LATE.set(late.by.total_seconds() if late else 0)
        metrics.DEAD_LETTERS_HOUR.set(letters)
        self._tell_of_days(late)
        self._tell_of_letters(letters)
        with self._database.reading() as session:
            _show(session)
        if time.monotonic() >= self._rests_until:
            self._audit_books()

    def _tell_of_days(self, late: Overdue | None) -> None:
        found = {}
        if late and late.by > timedelta(hours=self._settings.alert_apod_late_hours):
            hours = late.by.total_seconds() / 3600
            found[str(late.day)] = f"has been due for {hours:.0f} h: {late.reason}"
        self._days.tell(found)

    def _letters_of_an_hour(self, session: Session) -> int:
        newest = select(DeadLetter.last_failed_at).order_by(DeadLetter.id.desc())
        since = self._clock() - _HOUR
        return sum(at > since for at in session.scalars(newest.limit(_MOST_LETTERS)))

    def _tell_of_letters(self, letters: int) -> None:
        found = {}
        if letters > self._settings.alert_dead_letters_per_hour:
            found["the last hour"] = f"{letters} records died"
        self._letters.tell(found)

    def _audit_books(self) -> None:
        offsets = intake_offsets(self._settings)
        began = time.monotonic()
        with self._database.reading() as session:
            books = read_books(session, offsets)
        took = time.monotonic() - began
        self._rests_until = time.monotonic() + min(_SHARE * took, _LONGEST_REST_S)
        _show_books(books)
        metrics.BOOKS_AUDITED.set(self._clock().timestamp())
        difference = books.total.difference
        # A record that came and ended between the two readings is behind Kafka's end this once.
        differs_still, self._differed = self._differed and difference != 0, difference != 0
        found = {}
        if differs_still:
            found["all partitions"] = (
                f"{difference} records differ: `doublet books --verify` says which"
            )
        if differs_still or not difference:
            self._books.tell(found)


def _show(session: Session) -> None:
    counted = func.count()
    SCHEDULER.put(
        metrics.APOD_DAYS,
        _by_label(session.execute(select(ApodDay.state, counted).group_by(ApodDay.state))),
    )
    kinds = (DeadLetter.state, DeadLetter.reason)
    SCHEDULER.put(
        metrics.DEAD_LETTERS,
        _by_label(session.execute(select(*kinds, counted).group_by(*kinds))),
    )
    standing = select(Alert.kind, counted).where(Alert.cleared_at.is_(None)).group_by(Alert.kind)
    none: dict[tuple[str, ...], float] = {(kind.value,): 0 for kind in AlertKind}
    SCHEDULER.put(metrics.ALERTS_OPEN, none | _by_label(session.execute(standing)))
    budgets = list(session.scalars(select(RequestBudget)))
    SCHEDULER.put(metrics.APOD_REQUESTS, {(it.service,): it.used for it in budgets})
    left: dict[tuple[str, ...], float] = {
        (it.service,): it.remaining for it in budgets if it.remaining is not None
    }
    SCHEDULER.put(metrics.APOD_REQUESTS_LEFT, left)


def _by_label(rows: Iterable[tuple[object, ...]]) -> dict[tuple[str, ...], float]:
    """Rows of labels with a number at their end."""
    return {tuple(str(label) for label in labels): float(str(n)) for *labels, n in rows}


def _show_books(books: Books) -> None:
    topics = dict[str, Account]()
    for (topic, _), account in books.partitions.items():
        topics[topic] = topics.get(topic, Account()) + account
    SCHEDULER.put(
        metrics.BOOKS,
        {
            (topic, term): records
            for topic, account in topics.items()
            for term, records in asdict(account).items()
        },
    )
    metrics.BOOKS_DIFFERENCE.set(books.total.difference)
