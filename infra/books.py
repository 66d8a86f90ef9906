"""The books: every record that Kafka accepted, and how it ended.

``accepted = done + duplicate + skipped + dead + in flight``. Kafka's offsets say how many were
accepted; the table ``deliveries`` says how each ended. What Kafka calls settled and the table
does not know is *missing*; what the table knows and Kafka never had is *unknown to Kafka*. Both
are zero, or something is wrong.

Not every offset holds a record: a transaction's markers take offsets, and retention deletes. The
table ``gaps`` names those that the consumer passed over. What never was a record was not accepted;
what was *deleted* before its delivery stands apart, because nothing can bring it back.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Case,
    CompoundSelect,
    String,
    case,
    cast,
    column,
    func,
    select,
    type_coerce,
    values,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from infra.database.models import Delivery, Gap, GapCause, Outcome
from infra.eventlog.offsets import PartitionOffsets


@dataclass(frozen=True)
class Account:
    """The books of one partition, or of several added up. Every field counts records."""

    accepted: int = 0
    done: int = 0
    duplicate: int = 0
    skipped: int = 0
    dead: int = 0
    in_flight: int = 0
    """Waiting on Kafka or being worked at: neither settled nor missing."""
    missing: int = 0
    """Kafka counts them as settled, the database does not know how they ended."""
    unknown_to_kafka: int = 0
    """In the database, beyond the end of the partition: Kafka was emptied or exchanged."""
    deleted: int = 0
    """Kafka deleted them before they were delivered."""

    @property
    def settled(self) -> int:
        """Records that ended in a visible state."""
        return self.done + self.duplicate + self.skipped + self.dead

    @property
    def difference(self) -> int:
        """What does not add up; anything but 0 is an alert."""
        return self.missing + self.unknown_to_kafka

    @property
    def balanced(self) -> bool:
        """Whether every accepted record is accounted for."""
        return self.difference == 0

    def __add__(self, other: "Account") -> "Account":
        return Account(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )


@dataclass(frozen=True)
class Books:
    """The accounts of all partitions."""

    partitions: dict[tuple[str, int], Account]

    @property
    def total(self) -> Account:
        """All accounts added up."""
        return sum(self.partitions.values(), Account())


def read_books(session: Session, offsets: Sequence[PartitionOffsets]) -> Books:
    """Draw up the books from Kafka's offsets and the database alone.

    Read the offsets first and open the session afterwards: a record that is settled in between
    is then in flight or settled, never missing.
    """
    settled = Counter[tuple[str, int, Place, Outcome]]()
    gaps = GapCounts()
    for topic, partition, place, what, count in session.execute(_counts(offsets)):
        if what in set(GapCause):
            gaps[topic, partition, Place(place), GapCause(what)] = count
        else:
            settled[topic, partition, Place(place), Outcome(what)] = count
    known = {(at.topic, at.partition): at for at in offsets}
    for topic, partition, _, _ in settled:
        # A partition that Kafka does not have is an empty one: all that we know of it is beyond.
        known.setdefault((topic, partition), PartitionOffsets(topic, partition, 0, 0, 0))
    return Books({address: _account(at, settled, gaps) for address, at in known.items()})


class Place(StrEnum):
    """Where in its partition a record lies."""

    COMMITTED = "committed"
    """Below the group's committed offset."""
    AHEAD = "ahead"
    """Between there and the end."""
    BEYOND = "beyond"
    """At the end or behind it, where Kafka has nothing."""


GapCounts = Counter[tuple[str, int, Place, GapCause]]
"""Offsets without a record for us, by partition, place and cause."""


def _account(
    at: PartitionOffsets, settled: Counter[tuple[str, int, Place, Outcome]], gaps: GapCounts
) -> Account:
    def count(*places: Place, outcomes: Iterable[Outcome] = Outcome) -> int:
        return sum(
            settled[at.topic, at.partition, place, outcome]
            for place in places
            for outcome in outcomes
        )

    def ended(outcome: Outcome) -> int:
        return count(Place.COMMITTED, Place.AHEAD, outcomes=[outcome])

    def passed(place: Place, *causes: GapCause) -> int:
        return sum(gaps[at.topic, at.partition, place, cause] for cause in causes or GapCause)

    def absent(cause: GapCause) -> int:
        return passed(Place.COMMITTED, cause) + passed(Place.AHEAD, cause)

    settled_ahead = count(Place.AHEAD) + passed(Place.AHEAD)
    return Account(
        accepted=at.end - absent(GapCause.EMPTY),
        done=ended(Outcome.DONE),
        duplicate=ended(Outcome.DUPLICATE),
        skipped=ended(Outcome.SKIPPED),
        dead=ended(Outcome.DEAD),
        in_flight=at.end - at.committed - settled_ahead,
        missing=at.committed - count(Place.COMMITTED) - passed(Place.COMMITTED),
        unknown_to_kafka=count(Place.BEYOND),
        deleted=absent(GapCause.DELETED),
    )


def _counts(offsets: Sequence[PartitionOffsets]) -> CompoundSelect[str, int, str, str, int]:
    """How many deliveries ended how, and how many offsets hold no record, by partition and place.

    A gap is noted before anything behind it is committed, so none lies on both sides. One beyond
    the end is of another Kafka: the deliveries beyond the end say so.
    """
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

    def place(offset: InstrumentedAttribute[int]) -> Case[str]:
        return case(
            (offset < at.c.committed, Place.COMMITTED.value),
            (offset < at.c.ending, Place.AHEAD.value),
            else_=Place.BEYOND.value,
        )

    ended, lies = type_coerce(Delivery.outcome, String), place(Delivery.offset)
    settled = (
        select(Delivery.topic, Delivery.partition, lies, ended, func.count())
        .outerjoin(at, (Delivery.topic == at.c.topic) & (Delivery.partition == at.c.partition))
        .where(Delivery.outcome.is_not(None))
        .group_by(Delivery.topic, Delivery.partition, lies, ended)
    )
    cause, lies = type_coerce(Gap.cause, String), place(Gap.first)
    length = cast(func.sum(Gap.last - Gap.first + 1), BigInteger)
    passed = (
        select(Gap.topic, Gap.partition, lies, cause, length)
        .join(at, (Gap.topic == at.c.topic) & (Gap.partition == at.c.partition))
        .where(Gap.first < at.c.ending)
        .group_by(Gap.topic, Gap.partition, lies, cause)
    )
    return settled.union_all(passed)
