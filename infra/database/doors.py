"""The tables of the doors beside Kafka: the keys and pictures of the HTTP door, watched folders."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.models import Base

LONGEST_PATH = 600
"""In characters: what an index of PostgreSQL takes, whatever the characters are."""


class ApiKey(Base):
    """Who may hand pictures in over HTTP; of the secret itself only the hash is kept."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    per_day: Mapped[int]
    """Pictures that it may hand in within 24 hours."""
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiPicture(Base):
    """One picture that came by HTTP. Without an offset it is only a place kept for one."""

    __tablename__ = "api_pictures"
    __table_args__ = (Index("ix_api_pictures_key_created", "key_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    """None: without a key."""
    created_at: Mapped[datetime]
    source: Mapped[str | None] = mapped_column(String(200))
    event_id: Mapped[str | None] = mapped_column(String(200))
    name: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    length: Mapped[int | None]
    topic: Mapped[str | None] = mapped_column(String(249))
    partition: Mapped[int | None]
    offset: Mapped[int | None]


class WatchedFile(Base):
    """A file of a watched folder that was dealt with; another size or time makes it a new one."""

    __tablename__ = "watched_files"

    path: Mapped[str] = mapped_column(String(LONGEST_PATH), primary_key=True)
    size: Mapped[int]
    modified_ns: Mapped[int]
    event_id: Mapped[str | None] = mapped_column(String(200))
    refused: Mapped[str | None] = mapped_column(Text)
    """Why it was not sent; None where it was."""
    dealt_at: Mapped[datetime]
