"""Dead letters as the page Trouble shows them: by reason, with their pictures."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.queries.counting import counted
from infra.database.faults import Fault
from infra.database.models import DeadLetter, Image, LetterState
from infra.dead_letters.ledger import Selection


@dataclass(frozen=True)
class LetterLine:
    """One dead letter."""

    id: int
    reason: str
    stage: str
    detail: str
    attempts: int
    replays: int
    last_failed_at: datetime
    image_id: int | None
    """None where the record named no picture."""
    name: str | None
    sha256: str | None
    width: int | None
    """None where it could not be decoded: there is nothing to show then."""


def letters(session: Session, selection: Selection, *, offset: int, limit: int) -> list[LetterLine]:
    """One page of the letters that are selected, the newest first."""
    rows = session.execute(
        select(
            DeadLetter.id,
            DeadLetter.reason,
            DeadLetter.stage,
            DeadLetter.detail,
            DeadLetter.attempts,
            DeadLetter.replays,
            DeadLetter.last_failed_at,
            DeadLetter.image_id,
            Image.name,
            Image.sha256,
            Image.width,
        )
        .outerjoin(Image, DeadLetter.image_id == Image.id)
        .where(*selection.conditions())
        .order_by(DeadLetter.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [LetterLine(*row) for row in rows]


def by_state(session: Session) -> Counter[LetterState]:
    """How many letters there are in each state, as far as they are counted."""
    letters = select(DeadLetter.id)
    numbers = [counted(letters.where(DeadLetter.state == state)) for state in LetterState]
    return Counter(dict(zip(LetterState, session.execute(select(*numbers)).one(), strict=True)))


def by_topic(session: Session, selection: Selection) -> Counter[str]:
    """How many of the letters that are selected came from which topic."""
    rows = session.execute(
        select(DeadLetter.topic, func.count())
        .where(*selection.conditions())
        .group_by(DeadLetter.topic)
    )
    return Counter(dict(rows.all()))


def count_faults(session: Session) -> int:
    """How many faults are kept, as far as they are counted."""
    return session.scalar(select(counted(select(Fault.id)))) or 0
