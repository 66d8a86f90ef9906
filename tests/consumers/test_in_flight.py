"""Offsets are committed up to the first that is not settled, in whatever order they are."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from consumers.in_flight import InFlight, Place, Ticket

PLACE = ("doublet.uploads.v1", 0)
OTHER = ("doublet.apod.v1", 1)


def taken(flight: InFlight, *offsets: int) -> dict[int, Ticket]:
    return {offset: flight.take(PLACE, offset, offset + 1, size=10) for offset in offsets}


def test_nothing_is_committed_beyond_the_first_that_is_not_settled() -> None:
    flight = InFlight()
    flight.open(PLACE, 5)
    tickets = taken(flight, 5, 6, 7)
    flight.settle(tickets[7])
    flight.settle(tickets[6])
    assert flight.to_commit() == {}
    flight.settle(tickets[5])
    assert flight.to_commit() == {PLACE: 8}


def test_what_kafka_took_is_not_committed_again_and_what_it_did_not_take_is() -> None:
    flight = InFlight()
    flight.open(PLACE, 0)
    flight.settle(taken(flight, 0)[0])
    assert flight.to_commit() == flight.to_commit() == {PLACE: 1}
    flight.committed({PLACE: 1})
    assert flight.to_commit() == {}


def test_a_ticket_of_an_earlier_tenure_settles_nothing_of_a_later_one() -> None:
    flight = InFlight()
    flight.open(PLACE, 0)
    old = taken(flight, 0)[0]
    flight.forget(PLACE)
    flight.open(PLACE, 0)
    new = taken(flight, 0)[0]
    flight.settle(old)
    assert flight.to_commit() == {}
    flight.settle(new)
    assert flight.to_commit() == {PLACE: 1}


def test_a_partition_that_went_away_is_not_committed_any_more() -> None:
    flight = InFlight()
    flight.open(PLACE, 0)
    ticket = taken(flight, 0)[0]
    flight.forget(PLACE)
    flight.settle(ticket)
    flight.committed({PLACE: 1})
    assert flight.to_commit() == {}
    assert not flight.knows(PLACE)


def test_what_is_at_hand_is_counted_by_topic_and_in_bytes() -> None:
    flight = InFlight()
    flight.open(PLACE, 0)
    flight.open(OTHER, 0)
    tickets = taken(flight, 0, 1)
    flight.take(OTHER, 0, 1, size=7)
    assert (flight.by_topic[PLACE[0]], flight.by_topic[OTHER[0]], flight.bytes) == (2, 1, 27)
    flight.settle(tickets[0])
    assert (flight.by_topic[PLACE[0]], flight.bytes) == (1, 17)


@given(st.permutations(range(8)))
def test_in_any_order_all_is_committed_at_the_end_and_never_too_much(order: list[int]) -> None:
    flight = InFlight()
    flight.open(PLACE, 0)
    tickets = taken(flight, *range(8))
    open_offsets = set(range(8))
    for offset in order:
        flight.settle(tickets[offset])
        open_offsets.remove(offset)
        expected = min(open_offsets, default=8)
        assert flight.to_commit().get(PLACE, 0) == expected
    assert flight.bytes == 0


class Partitions(RuleBasedStateMachine):
    """Takings, ends, commits and rebalances in any order, beside a model that knows all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.flight = InFlight()
        self.committed: dict[Place, int] = {}
        """By Kafka, which keeps it while the partition is away."""
        self.unsettled: dict[Ticket, Place] = {}
        self.stale: list[Ticket] = []

    @rule(place=st.sampled_from([PLACE, OTHER]))
    def come(self, place: Place) -> None:
        if not self.flight.knows(place):
            self.flight.open(place, self.committed.setdefault(place, 0))

    @rule(place=st.sampled_from([PLACE, OTHER]))
    def go(self, place: Place) -> None:
        self.flight.forget(place)
        gone = [ticket for ticket, at in self.unsettled.items() if at == place]
        for ticket in gone:
            del self.unsettled[ticket]
        self.stale += gone

    @rule(place=st.sampled_from([PLACE, OTHER]), span=st.integers(1, 3))
    def take(self, place: Place, span: int) -> None:
        if self.flight.knows(place):
            first = self.flight.expected(place)
            self.unsettled[self.flight.take(place, first, first + span)] = place

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.unsettled, key=str)))
        self.flight.settle(ticket)
        del self.unsettled[ticket]

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def settle_too_late(self, data: st.DataObject) -> None:
        self.flight.settle(data.draw(st.sampled_from(self.stale)))

    @rule()
    def commit(self) -> None:
        offsets = self.flight.to_commit()
        for place, offset in offsets.items():
            assert offset > self.committed[place]
        self.committed |= offsets
        self.flight.committed(offsets)

    @invariant()
    def nothing_unsettled_is_or_will_be_committed(self) -> None:
        ahead = self.committed | self.flight.to_commit()
        for ticket, place in self.unsettled.items():
            assert ahead[place] <= ticket.first

    @invariant()
    def all_that_is_settled_will_be_committed(self) -> None:
        for place in self.flight.places:
            if place not in self.unsettled.values():
                reached = self.flight.to_commit().get(place, self.committed[place])
                assert reached == self.flight.expected(place)


TestPartitions = Partitions.TestCase
