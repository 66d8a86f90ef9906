"""Which version of a model doubles: a person's choice, kept whatever is restarted.

TensorFlow Serving keeps its labels in a file of its own, which nobody can write over its API. A
picture is pinned to a version by number anyway, so the choice is ours, and takes effect with the
next picture, on every consumer.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import ModelChoice


@dataclass(frozen=True)
class Choice:
    """One version, chosen at some time."""

    version: int
    chosen_at: datetime


def choose(database: Database, model: str, version: int, clock: Clock = utc_now) -> None:
    """Double with this version from now on.

    Raises:
        DatabaseUnavailable: the database is away; the earlier choice stays.
    """
    with database.transaction() as session:
        session.add(ModelChoice(model=model, version=version, chosen_at=clock()))


def chosen_version(database: Database, model: str) -> int | None:
    """The version to double with; None where none was ever chosen: the newest, then.

    Raises:
        DatabaseUnavailable: the database is away.
    """
    with database.reading() as session:
        choices = latest_choices(session, model, 1)
    return choices[0].version if choices else None


def latest_choices(session: Session, model: str, most: int) -> list[Choice]:
    """The last choices, the one that counts first."""
    rows = session.scalars(
        select(ModelChoice)
        .where(ModelChoice.model == model)
        .order_by(ModelChoice.id.desc())
        .limit(most)
    )
    return [Choice(row.version, row.chosen_at) for row in rows]
