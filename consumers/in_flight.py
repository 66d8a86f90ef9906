"""What was taken off each partition and is not settled yet, and how far may be committed.

Records are taken in the order of their offsets and settled in any order. An offset is committed
only when everything before it is settled: of each partition, up to the first that is not.
"""

from collections import Counter
from dataclasses import dataclass, field

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True)
class Ticket:
    """Proof that offsets were taken, to be handed back when they are settled."""

    place: Place
    first: int
    following: int
    """The next offset that was not taken with it."""
    size: int
    """Bytes that it keeps in memory."""
    tenure: int
    """The stretch of time for which the partition is ours. A ticket of an earlier one is void."""


@dataclass
class _Partition:
    tenure: int
    committed: int
    expected: int
    """The next offset to be taken."""
    unsettled: dict[int, Ticket] = field(default_factory=dict)

    @property
    def settled_up_to(self) -> int:
        """The first offset that is not settled."""
        return min(self.unsettled, default=self.expected)


class InFlight:
    """The bookkeeping of one consumer; used by one thread."""

    def __init__(self) -> None:
        self._partitions: dict[Place, _Partition] = {}
        self._tenures = 0

    def open(self, place: Place, committed: int) -> None:
        """A partition came to us, committed up to there."""
        self._tenures += 1
        self._partitions[place] = _Partition(self._tenures, committed, committed)

    def forget(self, place: Place) -> None:
        """A partition went away; what was taken off it is its next owner's to settle."""
        self._partitions.pop(place, None)

    def knows(self, place: Place) -> bool:
        """Whether the partition was opened."""
        return place in self._partitions

    @property
    def places(self) -> list[Place]:
        """The partitions that are open."""
        return list(self._partitions)

    def expected(self, place: Place) -> int:
        """The offset that comes next, if none is left out."""
        return self._partitions[place].expected

    def take(self, place: Place, first: int, following: int, size: int = 0) -> Ticket:
        """Note that offsets are being worked at."""
        partition = self._partitions[place]
        ticket = Ticket(place, first, following, size, partition.tenure)
        partition.unsettled[first] = ticket
        partition.expected = max(partition.expected, following)
        return ticket

    def settle(self, ticket: Ticket) -> None:
        """Note that they have their end; of a partition that went away, nothing is noted."""
        partition = self._partitions.get(ticket.place)
        if partition and partition.tenure == ticket.tenure:
            partition.unsettled.pop(ticket.first, None)

    def to_commit(self) -> dict[Place, int]:
        """For each partition with something new, the first offset that is not settled."""
        return {
            place: partition.settled_up_to
            for place, partition in self._partitions.items()
            if partition.settled_up_to > partition.committed
        }

    def committed(self, offsets: dict[Place, int]) -> None:
        """Kafka has taken these."""
        for place, offset in offsets.items():
            if place in self._partitions:
                self._partitions[place].committed = offset

    @property
    def by_topic(self) -> Counter[str]:
        """How many takings of each topic are not settled."""
        counts = Counter[str]()
        for (topic, _), partition in self._partitions.items():
            counts[topic] += len(partition.unsettled)
        return counts

    @property
    def bytes(self) -> int:
        """What they keep in memory."""
        return sum(
            ticket.size
            for partition in self._partitions.values()
            for ticket in partition.unsettled.values()
        )
