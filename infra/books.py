"""The books: every record that Kafka accepted, and how it ended.

``accepted = done + duplicate + skipped + dead + in flight``. Kafka's offsets say how many were
accepted; the table ``deliveries`` says how each ended. What Kafka calls settled and the table
does not know is *missing*; what the table knows and Kafka never had is *unknown to Kafka*. Both
are zero, or something is wrong.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from infra.database.models import Delivery, Outcome
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


def read_books(session: Session, offsets: Iterable[PartitionOffsets]) -> Books:
    """Draw up the books from Kafka's offsets and the database alone.

    Read the offsets first and open the session afterwards: a record that is settled in between
    is then in flight or settled, never missing.
    """
    return Books({(at.topic, at.partition): _account(session, at) for at in offsets})


def _account(session: Session, at: PartitionOffsets) -> Account:
    outcomes = _outcomes(session, at, Delivery.offset < at.end)
    settled = sum(outcomes.values())
    below_committed = sum(_outcomes(session, at, Delivery.offset < at.committed).values())
    missing = at.committed - below_committed
    return Account(
        accepted=at.end,
        done=outcomes[Outcome.DONE],
        duplicate=outcomes[Outcome.DUPLICATE],
        skipped=outcomes[Outcome.SKIPPED],
        dead=outcomes[Outcome.DEAD],
        in_flight=at.end - settled - missing,
        missing=missing,
        unknown_to_kafka=sum(_outcomes(session, at, Delivery.offset >= at.end).values()),
    )


def _outcomes(
    session: Session, at: PartitionOffsets, which: ColumnElement[bool]
) -> Counter[Outcome]:
    rows = session.execute(
        select(Delivery.outcome, func.count())
        .where(Delivery.topic == at.topic, Delivery.partition == at.partition)
        .where(Delivery.outcome.is_not(None), which)
        .group_by(Delivery.outcome)
    )
    return Counter({outcome: count for outcome, count in rows if outcome is not None})
