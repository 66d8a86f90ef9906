"""Partitions that belong to nobody, although the group is at rest."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer

from consumers.departures import Departures
from consumers.watchdog import Watchdog, WatchPolicy
from infra.eventlog.group import unowned
from tests.consumers.consuming import Site, wait_until

ASK_MS = 5_000


@contextmanager
def polled(member: KafkaConsumer) -> Iterator[KafkaConsumer]:
    """A member that keeps its place in the group meanwhile, and takes nothing."""
    enough = threading.Event()

    def poll() -> None:
        while not enough.is_set():
            member.poll(timeout_ms=500)

    thread = threading.Thread(target=poll, name="member")
    thread.start()
    try:
        yield member
    finally:
        enough.set()
        thread.join()
        member.close()


def test_a_partition_that_a_consumer_gave_up_as_it_ended_finds_a_consumer(site: Site) -> None:
    gone = Departures()
    first = site.join(gone, "first")
    while not first.assignment():
        first.poll(timeout_ms=500)
    with polled(site.join(Departures(), "second")) as second:
        while not gone.drain():
            first.poll(timeout_ms=20)
        first.close()
        wait_until(lambda: bool(unowned(second, ASK_MS)))
        site.connect = lambda departures: site.join(departures, "first")
        with site.consuming(watchdog=Watchdog(WatchPolicy(look_s=0.5))):
            wait_until(lambda: bool(second.assignment()) and not unowned(second, ASK_MS))
