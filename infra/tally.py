"""How many offsets of each partition ended how: what the books are drawn up from.

Nobody counts all deliveries each time. What is settled stays settled, so the counts below an
offset are carried forward, as from page to page of a book; only what lies behind is counted anew.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    String,
    and_,
    cast,
    column,
    func,
    select,
    union,
    values,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.database.carried import CarriedForward
from infra.database.models import Delivery, Gap, GapCause, Outcome
from infra.eventlog.offsets import PartitionOffsets

WORTH_CARRYING = 1_000
"""Offsets of one partition that are counted anew each time rather than carried forward."""


_ENDLESS = 2**62
"""Behind every offset."""


class Place(StrEnum):
    """Where in its partition a record lies."""

    COMMITTED = "committed"
    """Below the group's committed offset."""
    AHEAD = "ahead"
    """Between there and the end."""
    BEYOND = "beyond"
    """At the end or behind it, where Kafka has nothing."""


@dataclass(frozen=True)
class Tally:
    """Of one partition: how many records ended how, and how many offsets hold none for us."""

    topic: str
    partition: int
    settled: dict[tuple[Place, Outcome], int]
    gaps: dict[tuple[Place, GapCause], int]
    """None beyond the end: those are of another Kafka, and the deliveries there say so."""


def tallies(session: Session, offsets: Sequence[PartitionOffsets]) -> Iterator[Tally]:
    """One of every partition that Kafka or the database has, in one statement.

    A partition that Kafka does not have is an empty one: all that we know of it is beyond.
    """
    here = _partitions(offsets)
    settled = {(place, how): _settled(here, place, how) for place in Place for how in Outcome}
    gaps = {
        (place, cause): _passed_over(here, place, cause)
        for place in (Place.COMMITTED, Place.AHEAD)
        for cause in GapCause
    }
    counts = [*settled.values(), *gaps.values()]
    for topic, partition, *found in session.execute(
        select(here.c.topic, here.c.partition, *counts)
    ):
        yield Tally(
            topic,
            partition,
            dict(zip(settled, found[: len(settled)], strict=True)),
            dict(zip(gaps, found[len(settled) :], strict=True)),
        )


def settled_by_the_database(session: Session) -> Counter[Outcome]:
    """How many records ended in which way, as far as the database alone knows."""
    partitions = [
        PartitionOffsets(carried.topic, carried.partition, 0, _ENDLESS, _ENDLESS)
        for carried in session.scalars(select(CarriedForward))
    ]
    settled = Counter[Outcome]()
    for tally in tallies(session, partitions):
        for (_, outcome), count in tally.settled.items():
            settled[outcome] += count
    return settled


def open_partition(session: Session, topic: str, partition: int) -> None:
    """Note that the partition has deliveries, where that is not known."""
    if session.get(CarriedForward, (topic, partition)) is None:
        try:
            with session.begin_nested():
                session.add(CarriedForward(topic=topic, partition=partition))
        except IntegrityError:  # another consumer was quicker
            return


def carry_forward(session: Session, offsets: Sequence[PartitionOffsets]) -> None:
    """Count once and for all what was committed since this was done last.

    A stretch in which a record is missing is left alone: whatever turns up there still counts.
    """
    for at in offsets:
        carried = session.get(CarriedForward, (at.topic, at.partition), with_for_update=True)
        if carried is None or at.committed - carried.upto < WORTH_CARRYING:
            continue
        counts = _ended_within(session, carried, at.committed)
        passed = _passed_within(session, carried, at.committed)
        if sum(counts.values()) + passed == at.committed - carried.upto:
            for outcome, count in counts.items():
                setattr(carried, outcome.value, getattr(carried, outcome.value) + count)
            carried.upto = at.committed


def _ended_within(session: Session, carried: CarriedForward, end: int) -> dict[Outcome, int]:
    rows = session.execute(
        select(Delivery.outcome, func.count())
        .where(
            _same_partition(Delivery, carried),
            Delivery.offset >= carried.upto,
            Delivery.offset < end,
            Delivery.outcome.is_not(None),
        )
        .group_by(Delivery.outcome)
    )
    return {outcome: count for outcome, count in rows if outcome is not None}


def _passed_within(session: Session, carried: CarriedForward, end: int) -> int:
    return session.execute(
        select(_length_of_gaps()).where(
            _same_partition(Gap, carried), Gap.first >= carried.upto, Gap.first < end
        )
    ).scalar_one()


def _partitions(offsets: Sequence[PartitionOffsets]) -> CTE:
    """Every partition with its offsets and what is carried forward."""
    rows = [(it.topic, it.partition, it.committed, it.end) for it in offsets]
    at = (
        values(
            column("topic", String),
            column("partition", BigInteger),
            column("committed", BigInteger),
            column("ending", BigInteger),
            name="at",
        )
        .data(rows or [("", -1, 0, 0)])  # no database knows an empty list of values
        .cte("at")
    )
    known = union(
        select(at.c.topic, at.c.partition).where(at.c.partition >= 0),
        select(CarriedForward.topic, CarriedForward.partition),
    ).cte("known")
    committed = func.coalesce(at.c.committed, 0)
    # Offsets that were set back move records to another place: then nothing is carried.
    carried = _same_partition(CarriedForward, known.c) & (CarriedForward.upto <= committed)
    return (
        select(
            known,
            committed.label("committed"),
            func.coalesce(at.c.ending, 0).label("ending"),
            func.coalesce(CarriedForward.upto, 0).label("upto"),
            *(
                func.coalesce(getattr(CarriedForward, outcome.value), 0).label(outcome.value)
                for outcome in Outcome
            ),
        )
        .outerjoin(at, _same_partition(at.c, known.c))
        .outerjoin(CarriedForward, carried)
        .cte("here")
    )


def _settled(here: CTE, place: Place, outcome: Outcome) -> ColumnElement[int]:
    """How many records at a place ended so: one stretch of an index for each partition."""
    offset = Delivery.offset
    within = {
        Place.COMMITTED: (offset >= here.c.upto) & (offset < here.c.committed),
        Place.AHEAD: (offset >= here.c.committed) & (offset < here.c.ending),
        Place.BEYOND: (offset >= here.c.committed) & (offset >= here.c.ending),
    }
    counted = (
        select(func.count())
        .where(_same_partition(Delivery, here.c), Delivery.outcome == outcome, within[place])
        .scalar_subquery()
    )
    return counted + here.c[outcome.value] if place is Place.COMMITTED else counted


def _passed_over(here: CTE, place: Place, cause: GapCause) -> ColumnElement[int]:
    """How many offsets at a place hold no record.

    A gap is noted before anything behind it is committed, so none lies on both sides.
    """
    within = {
        Place.COMMITTED: (Gap.first < here.c.committed) & (Gap.first < here.c.ending),
        Place.AHEAD: (Gap.first >= here.c.committed) & (Gap.first < here.c.ending),
    }
    return (
        select(_length_of_gaps())
        .where(_same_partition(Gap, here.c), Gap.cause == cause, within[place])
        .scalar_subquery()
    )


def _same_partition(one: Any, other: Any) -> ColumnElement[bool]:
    """Of anything that has a topic and a partition."""
    return and_(one.topic == other.topic, one.partition == other.partition)


def _length_of_gaps() -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(Gap.last - Gap.first + 1), 0), BigInteger)
