"""The faults of the parts: when each did not do its work."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.models import Base, PartState
from infra.database.types import in_words


class FaultKind(StrEnum):
    """How a part was at fault."""

    WAITING = "waiting"
    """It could do nothing, because something else was away."""
    DIED = "died"
    """Its process ended by itself."""
    SILENT = "silent"
    """It was not heard of; or the database was away, where it would have been."""


class Fault(Base):
    """A stretch of time in which a part did not do its work."""

    __tablename__ = "faults"
    __table_args__ = (Index("ix_faults_part_ended", "part", "ended_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(String(100))
    kind: Mapped[FaultKind] = mapped_column(in_words(FaultKind))
    detail: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[PartState | None]
    """What the part was from then on."""
