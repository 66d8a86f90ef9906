"""Kafka restarts, is cut off, and deletes what was not delivered."""

import time
from collections.abc import Callable

import pytest
from kafka import TopicPartition

from infra.books import Account
from infra.database.models import AlertKind, Delivery
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import UPLOADS
from infra.settings import Settings
from tests.consumers.consuming import Site, wait_until
from tests.faults.conftest import Kafka
from tests.faults.drills import Drill
from tests.faults.lengths import lasting
from tests.fixtures.proxies import Proxy


def test_clients_are_sent_through_the_proxy(kafka: Kafka) -> None:
    settings = Settings(_env_file=None, kafka_bootstrap_servers=kafka.broker.bootstrap)
    with open_admin(settings) as admin:
        [node] = admin.describe_cluster()["brokers"]
    assert node["port"] == kafka.way.port != kafka.broker.port


@lasting(2, gameday=60)
def test_the_broker_restarts(
    kafka: Kafka, site: Site, drill: Callable[[Site], Drill], seconds: float
) -> None:
    def restart() -> None:
        kafka.broker.stop()
        time.sleep(seconds)
        kafka.broker.start()

    go_through(site, drill(site), "the broker is stopped", restart)


def test_the_broker_is_killed(kafka: Kafka, site: Site, drill: Callable[[Site], Drill]) -> None:
    def kill() -> None:
        kafka.broker.kill()
        kafka.broker.start()

    go_through(site, drill(site), "kill -9 of the broker", kill)


WAYS: dict[str, Callable[[Proxy], None]] = {
    "every connection ends": Proxy.cut,
    "connections stand still": Proxy.stall,
    "every answer takes 0.2 s longer": lambda proxy: proxy.slow(0.1),
    "connections are refused": Proxy.refuse,
}


@pytest.mark.parametrize("way", WAYS)
@lasting(2, gameday=60)
def test_the_way_to_kafka_is_broken(
    kafka: Kafka, site: Site, drill: Callable[[Site], Drill], way: str, seconds: float
) -> None:
    def break_it() -> None:
        WAYS[way](kafka.way)
        time.sleep(seconds)
        kafka.way.heal()

    go_through(site, drill(site), way, break_it)


def go_through(site: Site, drill: Drill, what: str, happen: Callable[[], None]) -> None:
    """Have it happen while pictures are at hand; those and later ones are doubled once."""
    with site.consuming(hands=2):
        for side in range(20, 26):
            site.send(site.picture(side))
        with drill.broken(what):
            happen()
        for side in range(30, 36):
            site.send(site.picture(side))
        after = drill.require_recovery()
    assert after == Account(accepted=12, done=12)


def test_deleted_records_are_named_and_the_consumer_goes_on_behind_them(
    site: Site, drill: Callable[[Site], Drill]
) -> None:
    with site.consuming():
        site.events.send(UPLOADS, b"k", b"not a picture", [])
        wait_until(lambda: site.lag() == 0)
    [first] = site.world.all(Delivery)
    place = TopicPartition(UPLOADS, first.partition)
    for _ in range(4):
        site.events.send(UPLOADS, b"k", b"never delivered", [])
    deletion = drill(site)
    with deletion.broken("the next 4 records are deleted"), open_admin(site.settings) as admin:
        admin.delete_records({place: 5})
    site.events.send(UPLOADS, b"k", b"not a picture either", [])
    with site.consuming():
        after = deletion.require_recovery()
    assert after == Account(accepted=6, dead=2, deleted=4)
    assert site.proof().deleted == 4
    [alert] = site.alerts()
    assert (alert.kind, alert.subject) == (AlertKind.DELETED, f"{UPLOADS} {first.partition}")
    assert alert.detail == "offsets 1 to 4 were deleted undelivered"
