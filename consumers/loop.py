"""The consumer's loop: polls without a pause, has the work done beside it, commits afterwards.

This thread talks to Kafka and does nothing else, so that no picture, however large, and no
outage, however long, costs the consumer its partitions: what cannot be taken now is paused, and
still polled.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError
from kafka.structs import OffsetAndMetadata

from consumers import crash_points
from consumers.breaker import Breaker
from consumers.crew import Crew
from consumers.departures import Departures
from consumers.halt import Halt
from consumers.in_flight import InFlight, Place
from consumers.lanes import Job
from consumers.metrics import IN_HAND, MEMORY, PARTITIONS
from consumers.passing import passed_over
from consumers.stalls import Stalls
from consumers.status import Status
from consumers.watchdog import Stand, Watchdog
from infra.errors import DoubletError
from infra.eventlog import group
from infra.eventlog.clients import EventLogUnavailable, poll_one
from infra.eventlog.record import Record
from infra.eventlog.topics import INTAKE
from infra.settings import Settings

log = logging.getLogger(__name__)

POLL_MS = 500
"""How long one poll waits for records. kafka-python throws away a join of the group that completes
between two polls: shorter ones made members join again and again. With all partitions paused it
returns after 100 ms. A settled record waits no longer than this for its commit."""

ASK_MS = 1_000
"""How long one question to Kafka may take; what is not answered is asked again next turn."""

GRACE_S = 7.0
"""How long the pictures at hand may take to break off when the consumer stops: the longest call to
the model on a laptop, with room left in the 10 s that the whole stack has."""

_PER_TOPIC = 64
"""Enough that no worker waits for the next poll, however quickly it is done with what is no
picture, and that large pictures which wait for their worker do not keep the small ones from it."""


class NameTaken(DoubletError):
    """Two consumers claim to be the same one; the later has taken the partitions over."""


@dataclass(frozen=True)
class BackPressure:
    """How much is taken off Kafka before some of it is settled."""

    per_topic: int
    """Each topic has its own room, so that no backfill fills that of the uploads."""
    bytes: int
    """Of the records themselves, which may hold whole pictures; exceeded by one at the most."""

    @classmethod
    def of(cls, settings: Settings) -> "BackPressure":
        """As the settings have it."""
        # The pictures themselves are decoded into the rest of the memory.
        return cls(_PER_TOPIC, settings.memory_limit_bytes // 4)


@dataclass(frozen=True)
class Parts:
    """What the loop works with."""

    connect: Callable[[Departures], KafkaConsumer]
    """Joins the group.

    Raises:
        Unavailable: Kafka is away.
    """
    crew: Crew
    breaker: Breaker
    stalls: Stalls
    halt: Halt
    status: Status
    flight: InFlight = field(default_factory=InFlight)


class Loop:
    """Takes records off Kafka, has them settled, and commits what is."""

    def __init__(
        self, parts: Parts, pressure: BackPressure, watchdog: Watchdog | None = None
    ) -> None:
        self._parts = parts
        self._pressure = pressure
        self._watchdog = watchdog or Watchdog()
        self._departures = Departures()
        self._flight = parts.flight
        self._unowned = set[TopicPartition]()
        self._consumer = self._connected()

    def run(self) -> None:
        """Until stopping is asked for; a fault of a worker's ends it as well, with the fault."""
        self._parts.crew.start()
        self._parts.stalls.start()
        try:
            while not self._parts.halt.requested:
                self._turn()
            self._finish()
        finally:
            self._parts.halt.request()
            self._parts.crew.stop()
            self._parts.stalls.stop()
            self._consumer.close(timeout_ms=2000)

    def _turn(self) -> None:
        self._parts.status.turned()
        self._collect()
        self._commit()
        self._steer()
        records = self._poll()
        self._let_go()
        for record in records:
            self._take(Record.from_kafka(record))
        if not records:
            self._pass_over_to_the_position()
        if self._watchdog.due:
            self._watch()

    def _poll(self) -> list[Any]:
        """The next record, or none; a Kafka that hangs up is polled again next turn."""
        try:
            return poll_one(self._consumer, POLL_MS)
        except KafkaError as error:
            if not error.retriable:
                raise
            log.debug("nothing from Kafka: %s", error)
            time.sleep(POLL_MS / 1000)  # it may have failed at once
            return []

    def _collect(self) -> None:
        for ticket in self._parts.crew.ended():
            self._flight.settle(ticket)

    def _commit(self) -> None:
        """Commit what is settled; what Kafka does not take now is tried again next turn."""
        offsets = self._flight.to_commit()
        if not offsets:
            return
        crash_points.reached("before-commit")
        try:
            self._consumer.commit(
                {
                    TopicPartition(*place): OffsetAndMetadata(offset, "", -1)
                    for place, offset in offsets.items()
                },
                timeout_ms=ASK_MS,
            )
        except FencedInstanceIdError as error:
            raise NameTaken("another consumer runs under this CONSUMER_NAME") from error
        except KafkaError as error:
            # Of a partition that went to another consumer that one commits: it finds the record
            # settled in the database.
            log.debug("not committed: %s", error)
        else:
            self._flight.committed(offsets)

    def _steer(self) -> None:
        """Let Kafka's client fetch what there is room for, and nothing while a part is away."""
        wanted, assigned = self._wanted(), self._consumer.assignment()
        self._consumer.pause(*(assigned - wanted))
        self._consumer.resume(*wanted)
        self._measure(len(assigned), len(assigned - wanted))

    def _measure(self, assigned: int, paused: int) -> None:
        PARTITIONS.labels("assigned").set(assigned)
        PARTITIONS.labels("paused").set(paused)
        MEMORY.labels("records").set(self._flight.bytes)
        taken = self._flight.by_topic
        for topic in INTAKE:
            IN_HAND.labels(topic).set(taken[topic])

    def _wanted(self) -> set[TopicPartition]:
        if self._parts.breaker.troubles or self._flight.bytes >= self._pressure.bytes:
            return set()
        taken = self._flight.by_topic
        return {
            partition
            for partition in self._consumer.assignment()
            if taken[partition.topic] < self._pressure.per_topic
        }

    def _let_go(self) -> None:
        """Forget the partitions that went away, even if they came back within the same poll."""
        ours = {(at.topic, at.partition) for at in self._consumer.assignment()}
        for place in self._departures.drain() | (set(self._flight.places) - ours):
            self._flight.forget(place)
            self._parts.crew.drop(place)

    def _take(self, record: Record) -> None:
        place = (record.topic, record.partition)
        if not (self._is_open(place) and self._pass_over(place, record.offset)):
            self._consumer.seek(TopicPartition(*place), record.offset)
            return
        size = len(record.value or b"")
        ticket = self._flight.take(place, record.offset, record.offset + 1, size)
        self._parts.crew.put(Job(ticket, record))
        self._parts.stalls.moves(place)

    def _is_open(self, place: Place) -> bool:
        """Whether we know how far a partition was committed when it came to us."""
        if not self._flight.knows(place):
            try:
                committed = self._consumer.committed(TopicPartition(*place), timeout_ms=ASK_MS)
            except KafkaError as error:
                log.debug("%s: not known how far it was committed: %s", place, error)
                return False
            self._flight.open(place, committed or 0)
        return True

    def _pass_over(self, place: Place, offset: int) -> bool:
        """Have the offsets before this one noted that Kafka left out; False to try it again."""
        expected = self._flight.expected(place)
        if offset <= expected:
            return True
        partition = TopicPartition(*place)
        try:
            beginnings = self._consumer.beginning_offsets([partition], timeout_ms=ASK_MS)
        except KafkaError as error:
            log.debug("%s: not known where it begins: %s", place, error)
            return False
        for gap in passed_over(place, expected, offset, beginnings[partition]):
            ticket = self._flight.take(place, gap.first, gap.last + 1)
            self._parts.crew.put(Job(ticket, gap))
        return True

    def _pass_over_to_the_position(self) -> None:
        """Notice offsets without a record behind which there is none yet."""
        for partition in self._consumer.assignment():
            place = (partition.topic, partition.partition)
            try:
                position = self._consumer.position(partition, timeout_ms=ASK_MS)
            except KafkaError as error:
                log.debug("%s: no position: %s", place, error)
                return
            if position is not None and self._is_open(place):
                self._pass_over(place, position)

    def _watch(self) -> None:
        self._adopt()
        wanted = self._wanted()
        try:
            ends = self._consumer.end_offsets(wanted, timeout_ms=ASK_MS) if wanted else {}
        except KafkaError:
            ends = {}  # while Kafka is away, everything stands still rightly
        stands = {
            (at.topic, at.partition): Stand(self._flight.expected((at.topic, at.partition)), end)
            for at, end in ends.items()
            if self._flight.knows((at.topic, at.partition))
        }
        stalled = self._watchdog.stalled(stands)
        if stalled:
            for place in sorted(stalled):
                self._parts.stalls.stands_still(place, stands[place])
            self._reconnect()

    def _adopt(self) -> None:
        """Have the group share out what belongs to nobody at two looks running.

        A consumer that gave partitions up and ended before they were shared out leaves such: under
        its name it comes again without a rebalance, to what it had kept. Every member asks for one
        then, for Kafka heeds only the group's leader and those that hold other partitions now.
        """
        try:
            unowned = group.unowned(self._consumer, ASK_MS)
        except KafkaError:
            unowned = set()  # while Kafka is away, they belong to whom they did
        if still := self._unowned & unowned:
            names = ", ".join(f"{at.topic} {at.partition}" for at in sorted(still))
            log.warning("%s: nobody's, so the group shares the partitions out anew", names)
            group.share_anew(self._consumer)
        self._unowned = unowned

    def _reconnect(self) -> None:
        self._consumer.close(timeout_ms=2000)
        self._consumer = self._connected()
        for place in self._flight.places:
            self._flight.forget(place)
            self._parts.crew.drop(place)

    def _connected(self) -> KafkaConsumer:
        breaker = self._parts.breaker
        consumer = breaker.insist(lambda: self._parts.connect(self._departures))
        breaker.answered({EventLogUnavailable.part})
        return consumer

    def _finish(self) -> None:
        """Let what is at hand end or break off, and commit what ended."""
        self._parts.crew.stop()
        self._parts.crew.join(GRACE_S)
        self._collect()
        self._commit()
