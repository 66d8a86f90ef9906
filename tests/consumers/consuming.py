"""The consumer's loop in this process, on a real broker, between a model and a database of ours."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from consumers.bookkeeping import Bookkeeper
from consumers.breaker import Breaker, WaitPolicy
from consumers.crew import Crew
from consumers.departures import Departures
from consumers.halt import Halt
from consumers.in_flight import InFlight
from consumers.loop import BackPressure, Loop, Parts
from consumers.stalls import Stalls
from consumers.status import Status
from consumers.watchdog import Watchdog
from consumers.worker import Worker
from infra.alerts import Alerts, OpenAlert, open_alerts
from infra.books import Books, read_books
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.eventlog.clients import KafkaEventLog, open_admin, open_consumer, open_reader
from infra.eventlog.offsets import PartitionOffsets, intake_offsets
from infra.eventlog.topics import GROUP, INTAKE, UPLOADS, ensure_topics, topics
from infra.events.envelope import Envelope
from infra.events.pictures import ClaimCheck, upload_event
from infra.settings import MEBIBYTE, Settings
from infra.verifier import KafkaLog, Verification, verify
from tests.consumers.world import World, png
from tests.fixtures.brokers import LocalBroker

SOON = 180.0


@dataclass
class Running:
    """One run of the loop."""

    breaker: Breaker
    status: Status
    flight: InFlight
    crew: Crew


class Site:
    """Our topics on a broker, and a world whose pictures come from there."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings = settings
        self.world = world
        self.events = KafkaEventLog(settings)
        self.connect: Callable[[Departures], KafkaConsumer] = self.join

    def join(self, departures: Departures, name: str | None = None) -> KafkaConsumer:
        return open_consumer(self.settings, *INTAKE, member=name, listener=departures)

    @contextmanager
    def consuming(
        self, hands: int = 1, watchdog: Watchdog | None = None, clock: Clock = utc_now
    ) -> Iterator[Running]:
        """Have the loop run meanwhile; a fault of it fails the test."""
        halt = Halt()
        breaker = Breaker(halt, WaitPolicy(first_s=0.05, longest_s=0.2), clock)
        status = Status(breaker)
        books = Bookkeeper(self.world.database, clock)
        pipeline = replace(self.world.pipeline, halt=halt, books=books)
        parts = Parts(
            connect=lambda departures: self.connect(departures),
            crew=Crew(Worker(pipeline, breaker), hands, halt),
            breaker=breaker,
            stalls=Stalls(Alerts(self.world.database), halt),
            halt=halt,
            status=status,
        )
        faults: list[BaseException] = []

        def run() -> None:
            try:
                Loop(parts, BackPressure(per_topic=4, bytes=MEBIBYTE), watchdog).run()
            except BaseException as fault:  # noqa: BLE001  (it is raised below)
                faults.append(fault)

        thread = threading.Thread(target=run, name="loop")
        thread.start()
        try:
            yield Running(breaker, status, parts.flight, parts.crew)
        finally:
            halt.request()
            thread.join(SOON)
            if faults:  # rather than whatever the test waited for in vain
                raise faults[0]

    def picture(self, side: int, name: str = "m51.png") -> Envelope:
        """An upload by claim check; other sides are other pictures."""
        content = png(side, side)
        claim = ClaimCheck(self.world.blobs.put(content), len(content), "image/png")
        return upload_event(name, claim, datetime.now(UTC))

    def send(self, event: Envelope, topic: str = UPLOADS) -> tuple[int, int]:
        return self.events.send(topic, event.key, event.data, event.headers())

    def offsets(self) -> list[PartitionOffsets]:
        return intake_offsets(self.settings)

    def lag(self) -> int:
        return sum(at.lag for at in self.offsets())

    def books(self) -> Books:
        offsets = self.offsets()
        with self.world.database.reading() as session:
            return read_books(session, offsets)

    def proof(self) -> Verification:
        offsets = self.offsets()
        with (
            closing(open_reader(self.settings)) as consumer,
            self.world.database.reading() as session,
        ):
            return verify(session, KafkaLog(consumer, self.settings), offsets)

    def alerts(self) -> list[OpenAlert]:
        with self.world.database.reading() as session:
            return open_alerts(session)


@contextmanager
def meanwhile(turn: Callable[[], object]) -> Iterator[None]:
    """Have something done again and again beside the test."""
    enough = threading.Event()

    def take_turns() -> None:
        while not enough.is_set():
            turn()

    thread = threading.Thread(target=take_turns, name="meanwhile")
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen in time")
        time.sleep(0.02)


@contextmanager
def site_on(broker: LocalBroker, database: Database, folder: Path) -> Iterator[Site]:
    """With fresh topics, and a group that committed nothing."""
    settings = Settings(
        _env_file=None, kafka_bootstrap_servers=broker.bootstrap, partitions=2, doublet_home=folder
    )
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
    site = Site(settings, World(database, folder / "blobs"))
    try:
        yield site
    finally:
        site.events.close()
        with open_admin(settings) as admin:  # the first one may rest from what the test broke
            admin.delete_topics([topic.name for topic in topics(settings)])
            if GROUP in {group["group_id"] for group in admin.list_groups()}:
                admin.delete_groups([GROUP])
