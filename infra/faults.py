"""What went wrong with the parts, and how it ended: kept when their heartbeats tell of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from infra.database.faults import Fault, FaultKind
from infra.database.models import Part, PartState

_KEPT = timedelta(days=90)
"""A quarter of a year: what an operator may still want to compare with."""

_KINDS = {PartState.WAITING: FaultKind.WAITING, PartState.RESTARTING: FaultKind.DIED}
_ENDS = {PartState.RUNNING, PartState.STOPPED}


@dataclass(frozen=True)
class PartFault:
    """One fault of one part."""

    part: str
    kind: FaultKind
    detail: str
    began_at: datetime
    ended_at: datetime | None
    """None while it lasts."""
    ended_as: PartState | None
    """What the part was from then on."""


def note_fault(
    session: Session, part: Part, state: PartState, detail: str, now: datetime, *, silent: bool
) -> None:
    """Write down what a part's new words mean.

    Args:
        part: as it was until now.
        silent: whether it had not been heard of for longer than a part may be.
    """
    if silent and part.state is PartState.RUNNING:
        session.add(
            Fault(
                part=part.name,
                kind=FaultKind.SILENT,
                detail="nothing was heard of it",
                began_at=part.seen_at,
                ended_at=now,
                ended_as=state,
            )
        )
    kind = _KINDS.get(state)
    if kind is None and state not in _ENDS:
        return  # it starts: what ended it last is over once it runs
    last = session.scalar(
        select(Fault).where(Fault.part == part.name, Fault.ended_at.is_(None)).limit(1)
    )
    if last and last.kind is kind is FaultKind.WAITING:
        last.detail = detail
        return
    if last:
        last.ended_at, last.ended_as = now, state
    if kind:
        session.execute(delete(Fault).where(Fault.ended_at < now - _KEPT))
        session.add(Fault(part=part.name, kind=kind, detail=detail, began_at=now))


def faults(session: Session, *, offset: int, limit: int) -> list[PartFault]:
    """The newest first."""
    rows = session.scalars(select(Fault).order_by(Fault.id.desc()).offset(offset).limit(limit))
    return [
        PartFault(row.part, row.kind, row.detail, row.began_at, row.ended_at, row.ended_as)
        for row in rows
    ]
