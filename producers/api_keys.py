"""The keys of the HTTP door: made, listed, revoked, and recognised by their hash alone."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock, utc_now
from infra.database.doors import ApiKey, ApiPicture
from infra.database.engine import Database
from infra.errors import DoubletError
from producers.api_pictures import WINDOW

_PREFIX = "doublet_"
"""What a leaked key is recognised by."""


class BadKey(DoubletError):
    """A name that no key has, or that one has already."""


@dataclass(frozen=True)
class KeyLine:
    """One key in the list."""

    name: str
    per_day: int
    used: int
    """Pictures handed in within the last 24 hours."""
    created_at: datetime
    revoked_at: datetime | None


class ApiKeys:
    """The table of keys. Every method raises DatabaseUnavailable where it cannot be reached."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, per_day: int) -> str:
        """Make a key, and answer its secret: it is shown once and never again.

        Raises:
            BadKey: there is one of that name, revoked or not.
        """
        secret = _PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(name=name, sha256=_hash(secret), per_day=per_day, created_at=self._clock())
        try:
            with self._database.transaction() as session:
                session.add(key)
        except IntegrityError as error:
            raise BadKey(f"there is a key named {name!r} already") from error
        return secret

    def revoke(self, name: str) -> None:
        """End a key at once; what it handed in stays.

        Raises:
            BadKey: there is no such key, or it is revoked already.
        """
        with self._database.transaction() as session:
            key = session.scalar(
                select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None))
            )
            if key is None:
                raise BadKey(f"there is no key named {name!r}, or it is revoked already")
            key.revoked_at = self._clock()

    def list(self) -> list[KeyLine]:
        """Every key, the oldest first."""
        recent = func.count(ApiPicture.id)
        since = self._clock() - WINDOW
        with self._database.reading() as session:
            rows = session.execute(
                select(ApiKey.name, ApiKey.per_day, recent, ApiKey.created_at, ApiKey.revoked_at)
                .outerjoin(
                    ApiPicture,
                    (ApiPicture.key_id == ApiKey.id)
                    & (ApiPicture.created_at > since)
                    & ApiPicture.offset.is_not(None),
                )
                .group_by(ApiKey.id)
                .order_by(ApiKey.id)
            )
            return [KeyLine(*row) for row in rows]

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret, unless it is revoked."""
        with self._database.reading() as session:
            return session.scalar(
                select(ApiKey).where(ApiKey.sha256 == _hash(secret), ApiKey.revoked_at.is_(None))
            )


def _hash(secret: str) -> str:
    # The secret is 256 random bits: nobody finds it from a plain hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
