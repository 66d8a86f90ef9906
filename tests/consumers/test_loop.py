"""The loop on both brokers: what is taken, in which order, and what is committed."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kafka import KafkaConsumer, KafkaProducer
from numpy.typing import NDArray
from sqlalchemy import text

from consumers.departures import Departures
from consumers.watchdog import Watchdog, WatchPolicy
from infra.books import Account
from infra.database.engine import Database
from infra.database.models import AlertKind, DeadLetter, Delivery, Outcome
from infra.eventlog.headers import HeaderName
from infra.eventlog.topics import APOD, BACKFILL, DEAD_LETTERS, RESULTS, UPLOADS
from infra.events.reasons import Reason
from serving.model_server import Doubled
from tests.consumers.consuming import Site, site_on, wait_until
from tests.consumers.world import png
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import FakeModelServer


@pytest.fixture
def site(broker: LocalBroker, sqlite: Database, tmp_path: Path) -> Iterator[Site]:
    with site_on(broker, sqlite, tmp_path) as site:
        yield site


class GatedModel(FakeModelServer):
    """A model at which the pictures of some threads wait until they may pass."""

    def __init__(self, gated: str = "worker") -> None:
        super().__init__()
        self.gated = gated
        self.reached = threading.Event()
        self.gate = threading.Event()

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        if threading.current_thread().name.startswith(self.gated):
            self.reached.set()
            assert self.gate.wait(60)
        return super().double(tiles, version=version, spread=spread)


def gate(site: Site, gated: str = "worker") -> GatedModel:
    model = GatedModel(gated)
    site.world.pipeline = replace(site.world.pipeline, model=model)
    return model


def test_a_header_name_that_is_not_utf_8_ends_as_a_dead_letter(site: Site) -> None:
    with site.consuming():
        site.events.send(UPLOADS, b"k", png(), [(HeaderName.of(b"caf\xe9"), b"x")])
        site.send(site.picture(20))
        wait_until(lambda: site.lag() == 0)
    assert site.books().total == Account(accepted=2, done=1, dead=1)
    assert site.world.one(DeadLetter).reason == Reason.BAD_ENVELOPE
    [(_, value, headers)] = site.world.events.on(DEAD_LETTERS)
    assert value == png()
    assert b"caf\xe9" in [name.encode() for name, _ in headers]
    assert site.proof().differences == ()


@pytest.mark.parametrize(
    "broker", [pytest.param("apache", marks=pytest.mark.apache)], indirect=True
)
def test_markers_of_a_transaction_are_counted_apart(site: Site, broker: LocalBroker) -> None:
    """On Apache Kafka alone: the embedded broker has no transactions."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="sender")
    producer.init_transactions()
    with site.consuming():
        for number in range(3):
            event = site.picture(20 + number)
            producer.begin_transaction()
            producer.send(UPLOADS, event.data, event.key, event.headers(), partition=0)
            producer.commit_transaction()
        wait_until(lambda: site.lag() == 0)
        [uploads, *_] = [at for at in site.offsets() if at.topic == UPLOADS]
        # Three pictures, and the marker behind each; the last one is committed as well.
        assert (uploads.end, uploads.committed) == (6, 6)
    producer.close()
    assert site.books().total == Account(accepted=3, done=3)
    proof = site.proof()
    assert (proof.ended, proof.empty, proof.differences) == (3, 3, ())


def test_uploads_overtake_apod_and_apod_overtakes_the_backfill(site: Site) -> None:
    model = gate(site)
    with site.consuming(hands=1) as running:
        site.send(site.picture(20, "first"), BACKFILL)
        assert model.reached.wait(60)
        # The only hand is busy; all of these are taken off Kafka meanwhile.
        for side in (21, 22, 23):
            site.send(site.picture(side, "backfill"), BACKFILL)
        site.send(site.picture(24, "apod"), APOD)
        site.send(site.picture(25, "upload"), UPLOADS)
        wait_until(lambda: running.flight.by_topic == {UPLOADS: 1, APOD: 1, BACKFILL: 4})
        model.gate.set()
        wait_until(lambda: site.lag() == 0)
    deliveries = sorted(site.world.all(Delivery), key=lambda row: row.settled_at)
    order = [row.topic for row in deliveries]
    assert order == [BACKFILL, UPLOADS, APOD, BACKFILL, BACKFILL, BACKFILL]


def test_a_long_backfill_does_not_fill_the_room_of_an_upload(site: Site) -> None:
    model = gate(site)
    with site.consuming(hands=1):
        for number in range(60):
            site.events.send(BACKFILL, str(number).encode(), b"not a picture", [])
        site.send(site.picture(20), BACKFILL)
        site.send(site.picture(21), UPLOADS)
        assert model.reached.wait(60)
        settled_before = len(site.world.all(Delivery))
        model.gate.set()
        wait_until(lambda: site.lag() == 0)
    # What was at hand when the upload came is all that went before it.
    assert settled_before < 60
    assert site.proof().differences == ()


def test_a_large_picture_does_not_stop_small_ones_and_holds_its_commit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.sizing.LARGE_PIXELS", 60 * 60)
    model = gate(site, "worker-large")
    key = b"one partition"
    with site.consuming(hands=1):
        large = site.picture(64)
        partition, offset = site.events.send(UPLOADS, key, large.data, large.headers())
        assert model.reached.wait(60)
        for side in (20, 21, 22):
            small = site.picture(side)
            site.events.send(UPLOADS, key, small.data, small.headers())
        wait_until(lambda: len(done(site)) == 3)
        [at] = [at for at in site.offsets() if (at.topic, at.partition) == (UPLOADS, partition)]
        assert (at.committed, at.end) == (offset, offset + 4)
        assert site.proof().differences == ()
        model.gate.set()
        wait_until(lambda: site.lag() == 0)
    assert site.books().total == Account(accepted=4, done=4)
    # Handing it on cost no attempt.
    assert {row.attempts for row in site.world.all(Delivery)} == {1}


def test_an_outage_is_said_takes_nothing_more_and_passes_by_itself(site: Site) -> None:
    site.world.model.away = True
    with site.consuming(hands=2) as running:
        for side in range(20, 40):
            site.send(site.picture(side))
        wait_until(lambda: bool(running.breaker.troubles))
        assert "waiting for the model server since" in running.status.condition.detail
        held = running.flight.by_topic[UPLOADS]
        site.world.model.away = False
        wait_until(lambda: site.lag() == 0)
        assert running.status.condition.detail == ""
    assert held <= 4
    assert site.books().total == Account(accepted=20, done=20)
    assert {row.attempts for row in site.world.all(Delivery)} == {1}


class DeafConsumer(KafkaConsumer):  # type: ignore[misc]
    """Its partitions stand still: whatever comes is put back, as if it had never come."""

    def poll(self, *arguments: Any, **options: Any) -> dict[Any, Any]:
        for partition, records in super().poll(*arguments, **options).items():
            self.seek(partition, records[0].offset)
        return {}


def test_a_partition_that_stalls_is_an_alert_and_a_new_connection(site: Site) -> None:
    connections: list[KafkaConsumer] = []

    def connect(departures: Departures) -> KafkaConsumer:
        consumer = site.join(departures)
        if not connections:
            consumer.__class__ = DeafConsumer
        connections.append(consumer)
        return consumer

    site.connect = connect
    site.send(site.picture(20))
    with site.consuming(watchdog=Watchdog(WatchPolicy(stalled_s=1, look_s=0.1))):
        wait_until(lambda: len(site.alerts()) == 1)
        [alert] = site.alerts()
        wait_until(lambda: site.lag() == 0)
        wait_until(lambda: site.alerts() == [])  # it moves again
    assert alert.kind is AlertKind.STALLED
    assert "stood at offset 0 of 1" in alert.detail
    assert len(connections) == 2
    assert site.books().total == Account(accepted=1, done=1)


def test_a_locked_database_keeps_no_stall_from_being_seen_nor_told(site: Site) -> None:
    connections: list[KafkaConsumer] = []

    def connect(departures: Departures) -> KafkaConsumer:
        consumer = site.join(departures)
        consumer.__class__ = DeafConsumer
        connections.append(consumer)
        return consumer

    site.connect = connect
    site.send(site.picture(20))
    with site.consuming(watchdog=Watchdog(WatchPolicy(stalled_s=0.5, look_s=0.1))):
        with site.world.database.transaction() as lock:
            lock.execute(text("SELECT 1"))  # it begins, and takes SQLite's one lock
            # Two stalls were noticed and acted upon, and none could be written.
            wait_until(lambda: len(connections) >= 3)
            assert site.alerts() == []
        wait_until(lambda: len(site.alerts()) >= 2)


def test_a_picture_of_a_partition_that_went_away_is_handed_back_with_its_attempt(
    site: Site,
) -> None:
    model = gate(site)
    with site.consuming(hands=1) as running:
        site.send(site.picture(40))  # several calls to the model
        assert model.reached.wait(60)
        for place in running.flight.places:
            running.crew.drop(place)
        model.gate.set()
        wait_until(lambda: [row.attempts for row in site.world.all(Delivery)] == [0])
        assert site.books().total == Account(accepted=1, in_flight=1)
    with site.consuming(hands=1):
        wait_until(lambda: site.lag() == 0)
    assert [row.attempts for row in site.world.all(Delivery)] == [1]
    assert site.books().total == Account(accepted=1, done=1)


def test_stopping_hands_back_what_is_at_hand_within_the_grace(site: Site) -> None:
    site.world.model.away = True
    with site.consuming(hands=2) as running:
        for side in (20, 21, 22):
            site.send(site.picture(side))
        wait_until(lambda: bool(running.breaker.troubles))
    assert site.books().total == Account(accepted=3, in_flight=3)
    assert {row.attempts for row in site.world.all(Delivery)} == {0}
    site.world.model.away = False
    with site.consuming(hands=2):
        wait_until(lambda: site.lag() == 0)
    assert site.books().total == Account(accepted=3, done=3)
    assert len(site.world.events.on(RESULTS)) == 3


def done(site: Site) -> list[Delivery]:
    return [row for row in site.world.all(Delivery) if row.outcome is Outcome.DONE]
