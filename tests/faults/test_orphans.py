"""Partitions that belong to nobody, although the group is at rest."""

from contextlib import closing

from consumers.departures import Departures
from consumers.watchdog import Watchdog, WatchPolicy
from infra.eventlog.group import unowned
from tests.consumers.consuming import Site, meanwhile, wait_until

ASK_MS = 5_000


def test_a_partition_that_a_consumer_gave_up_as_it_ended_finds_a_consumer(site: Site) -> None:
    gone = Departures()
    first = site.join(gone, "first")
    while not first.assignment():
        first.poll(timeout_ms=500)
    with (
        closing(site.join(Departures(), "second")) as second,
        meanwhile(lambda: second.poll(timeout_ms=500)),
    ):
        while not gone.drain():
            first.poll(timeout_ms=20)
        first.close()
        wait_until(lambda: bool(unowned(second, ASK_MS)))
        site.connect = lambda departures: site.join(departures, "first")
        with site.consuming(watchdog=Watchdog(WatchPolicy(look_s=0.5))):
            wait_until(lambda: bool(second.assignment()) and not unowned(second, ASK_MS))
