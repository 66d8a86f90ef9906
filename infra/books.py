"""The books: every record that Kafka accepted, and how it ended.

``accepted = done + duplicate + skipped + dead + in flight``. Kafka's offsets say how many were
accepted; the table ``deliveries`` says how each ended. What Kafka calls settled and the table
does not know is *missing*; what the table knows and Kafka never had is *unknown to Kafka*. Both
are zero, or something is wrong.

Not every offset holds a record: a transaction's markers take offsets, and retention deletes. The
table ``gaps`` names those that the consumer passed over. What never was a record was not accepted;
what was *deleted* before its delivery stands apart, because nothing can bring it back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from sqlalchemy.orm import Session

from infra.database.models import GapCause, Outcome
from infra.eventlog.offsets import PartitionOffsets
from infra.tally import Place, Tally, tallies


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
    known = {(at.topic, at.partition): at for at in offsets}
    books = {address: Account() for address in known}
    for tally in tallies(session, offsets):
        address = tally.topic, tally.partition
        # A partition that Kafka does not have is an empty one: all that we know of it is beyond.
        books[address] = _account(known.get(address, PartitionOffsets(*address, 0, 0, 0)), tally)
    return Books(books)


def _account(at: PartitionOffsets, tally: Tally) -> Account:
    def count(*places: Place, outcomes: Iterable[Outcome] = Outcome) -> int:
        return sum(tally.settled[place, outcome] for place in places for outcome in outcomes)

    def ended(outcome: Outcome) -> int:
        return count(Place.COMMITTED, Place.AHEAD, outcomes=[outcome])

    def passed(*places: Place, causes: Iterable[GapCause] = GapCause) -> int:
        return sum(tally.gaps[place, cause] for place in places for cause in causes)

    def absent(cause: GapCause) -> int:
        return passed(Place.COMMITTED, Place.AHEAD, causes=[cause])

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
