"""Alerts: what a person must know of, kept until it has passed or was acknowledged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import Alert, AlertKind


@dataclass(frozen=True)
class OpenAlert:
    """An alert that nobody has cleared."""

    id: int
    kind: AlertKind
    subject: str
    detail: str
    raised_at: datetime


@dataclass(frozen=True)
class PastAlert(OpenAlert):
    """An alert that was cleared."""

    cleared_at: datetime
    acknowledged: bool
    """By a person; otherwise it has passed."""


class Alerts:
    """Raises and clears them. Every method raises DatabaseUnavailable when the database is away."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def raise_alert(self, kind: AlertKind, subject: str, detail: str) -> None:
        """Tell a person."""
        with self._database.transaction() as session:
            session.add(alert(kind, subject, detail, self._clock()))

    def clear(self, kind: AlertKind, subject: str) -> None:
        """It has passed."""
        with self._database.transaction() as session:
            for row in session.scalars(
                select(Alert).where(
                    Alert.kind == kind, Alert.subject == subject, Alert.cleared_at.is_(None)
                )
            ):
                row.cleared_at = self._clock()

    def set_to(self, kind: AlertKind, owner: str, found: Mapping[str, str], told: set[str]) -> None:
        """Make the open alerts of a kind, of this owner, what was found; see `Findings`."""
        now = self._clock()
        with self._database.transaction() as session:
            rows = session.scalars(
                select(Alert).where(
                    Alert.kind == kind,
                    Alert.subject.startswith(owner, autoescape=True),
                    Alert.cleared_at.is_(None),
                )
            )
            standing = {row.subject: row for row in rows}
            for subject, row in standing.items():
                if subject in found:
                    row.detail = found[subject]
                else:
                    row.cleared_at = now
            for subject in found.keys() - standing.keys() - told:
                session.add(alert(kind, subject, found[subject], now))

    def acknowledge(self, alert_id: int) -> bool:
        """A person has read it; answers whether there was an open one of that number."""
        with self._database.transaction() as session:
            row = session.get(Alert, alert_id)
            if row is None or row.cleared_at is not None:
                return False
            row.cleared_at, row.acknowledged = self._clock(), True
            return True


class Findings:
    """The alerts of one kind that somebody raises who looks again and again.

    An alert stands while what it tells of is found, and no longer. Acknowledged, it is raised
    anew only after that had passed.
    """

    def __init__(self, alerts: Alerts, kind: AlertKind, owner: str = "") -> None:
        """
        Args:
            owner: what all subjects begin with, where others raise alerts of this kind as well.
        """
        self._alerts = alerts
        self._kind = kind
        self._owner = owner
        self._told: set[str] | None = None
        """None: what somebody before us told may still stand."""

    def tell(self, found: Mapping[str, str]) -> None:
        """What was found this time: a detail for each subject.

        Raises:
            DatabaseUnavailable: it will be told the next time.
        """
        if found or self._told != set():
            self._alerts.set_to(self._kind, self._owner, found, self._told or set())
            self._told = set(found)


def alert(kind: AlertKind, subject: str, detail: str, at: datetime) -> Alert:
    """A row, for those who raise it within a transaction of their own."""
    return Alert(kind=kind, subject=subject, detail=detail, raised_at=at)


def open_alerts(session: Session) -> list[OpenAlert]:
    """Those that a person has to see, the oldest first."""
    rows = session.scalars(select(Alert).where(Alert.cleared_at.is_(None)).order_by(Alert.id))
    return [OpenAlert(row.id, row.kind, row.subject, row.detail, row.raised_at) for row in rows]


def past_alerts(session: Session, *, limit: int) -> list[PastAlert]:
    """Those that were cleared, the newest first."""
    rows = session.scalars(
        select(Alert).where(Alert.cleared_at.is_not(None)).order_by(Alert.id.desc()).limit(limit)
    )
    return [
        PastAlert(
            row.id,
            row.kind,
            row.subject,
            row.detail,
            row.raised_at,
            row.cleared_at,
            row.acknowledged,
        )
        for row in rows
        if row.cleared_at
    ]
