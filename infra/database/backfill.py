"""How the backfill of APOD stands, and how much its service was asked."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.models import Base


class Backfill(Base):
    """The one row that says how the backfill goes; which days it consists of, the days say."""

    __tablename__ = "backfill"

    id: Mapped[int] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime | None]
    """Since when an operator has it paused."""
    failures: Mapped[int] = mapped_column(default=0)
    """How often in a row something that it needs was away."""
    trouble: Mapped[str | None] = mapped_column(Text)
    """What was away."""
    rests_until: Mapped[datetime | None]


class RequestBudget(Base):
    """How much one service on the web was asked, and how much more it takes."""

    __tablename__ = "request_budgets"

    service: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Its host."""
    used: Mapped[int] = mapped_column(default=0)
    """Requests, ever."""
    remaining: Mapped[int | None]
    """Requests that it takes still, by its own last word and less those since."""
    next_at: Mapped[datetime | None]
    """When one that can wait may go."""
    closed_until: Mapped[datetime | None]
    """Until when it wants to be left alone."""
