"""What came by HTTP: a place is kept before a picture is read, and filled once Kafka has it."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select

from infra.clock import Clock, utc_now
from infra.database.doors import ApiKey, ApiPicture
from infra.database.engine import Database
from infra.errors import DoubletError
from producers.submitting import Receipt

WINDOW = timedelta(hours=24)
"""What a quota is counted over, back from now."""
ABANDONED = timedelta(minutes=15)
"""A place that was not filled in this time is nobody's: its server died. No upload takes longer."""

_ID_BYTES = 16
"""Nobody guesses another one's."""


class QuotaUsedUp(DoubletError):
    """No more pictures for now."""

    def __init__(self, per_day: int, free_in: timedelta) -> None:
        super().__init__(f"{per_day} pictures within 24 hours are all that may be handed in")
        self.free_in = free_in


@dataclass(frozen=True)
class Holder:
    """Whose quota it is: a key's, or that of everybody without one."""

    key_id: int | None
    per_day: int


class ApiPictures:
    """The table of them. Every method raises DatabaseUnavailable where it cannot be reached."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def keep_place(self, holder: Holder) -> str:
        """Count one picture against a quota, and answer the id that it will have.

        Raises:
            QuotaUsedUp: it was not counted.
        """
        now = self._clock()
        picture_id = secrets.token_urlsafe(_ID_BYTES)
        with self._database.transaction() as session:
            if holder.key_id is not None:
                # One at a time for each key: two requests must not both be the last one. The
                # quota of those without a key may be passed by as many as come at one moment.
                session.get_one(ApiKey, holder.key_id, with_for_update=True)
            counted = select(func.count(), func.min(ApiPicture.created_at)).where(
                _counts(holder, now)
            )
            used, oldest = session.execute(counted).one()
            if used >= holder.per_day:
                raise QuotaUsedUp(holder.per_day, (oldest or now) + WINDOW - now)
            session.add(ApiPicture(id=picture_id, key_id=holder.key_id, created_at=now))
        return picture_id

    def fill(self, picture_id: str, receipt: Receipt) -> None:
        """Write down where on Kafka the picture is."""
        with self._database.transaction() as session:
            row = session.get_one(ApiPicture, picture_id)
            row.source, row.event_id, row.name = receipt.source, receipt.event_id, receipt.name
            row.sha256, row.length = receipt.sha256, receipt.length
            row.topic, row.partition, row.offset = receipt.topic, receipt.partition, receipt.offset

    def give_up(self, picture_id: str) -> None:
        """Give the place back: nothing was handed in."""
        with self._database.transaction() as session:
            session.delete(session.get_one(ApiPicture, picture_id))

    def find(self, picture_id: str, holder: Holder) -> Receipt | None:
        """The receipt of a picture that this holder handed in."""
        with self._database.reading() as session:
            row = session.get(ApiPicture, picture_id)
        if row is None or row.offset is None or row.key_id != holder.key_id:
            return None
        return Receipt(
            row.source or "",
            row.event_id or "",
            row.name or "",
            row.sha256 or "",
            row.length or 0,
            row.topic or "",
            row.partition or 0,
            row.offset,
        )


def _counts(holder: Holder, now: datetime) -> ColumnElement[bool]:
    filled = and_(ApiPicture.offset.is_not(None), ApiPicture.created_at > now - WINDOW)
    return and_(
        # Also where it is None: SQLAlchemy writes IS NULL.
        ApiPicture.key_id == holder.key_id,
        or_(filled, ApiPicture.created_at > now - ABANDONED),
    )
