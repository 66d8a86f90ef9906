"""Consumers are replaced one after the other while pictures arrive, as an upgrade does it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select

from infra.database.models import Delivery, Image, Result
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import GROUP, UPLOADS
from serving.model_server import Doubled
from tests.consumers.consuming import Site, meanwhile, wait_until
from tests.consumers.forks import fork_consumer
from tests.consumers.world import png
from tests.faults.drills import Drill
from tests.fixtures.model_servers import FakeModelServer

CONSUMERS = 2
WAITING = 12
"""Pictures that wait or are being doubled at any time: no queue grows on a slow machine."""
PAUSE_SECONDS = 0.1


class UnhurriedModel(FakeModelServer):
    """Slow enough that every consumer is at work when it is asked to end."""

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        time.sleep(0.1)
        return super().double(tiles, version=version, spread=spread)


class Fleet:
    """Consumers as processes: each under a name of its own, or without, as the chart has them."""

    def __init__(self, site: Site, folder: Path, *, named: bool) -> None:
        self._site = site
        self._named = named
        self._environment = {
            "DOUBLET_HOME": str(folder),
            "KAFKA_BOOTSTRAP_SERVERS": site.settings.kafka_bootstrap_servers,
            "DATABASE_URL": str(site.world.database.engine.url),
            "BLOB_STORE": (folder / "blobs").as_uri(),
        }
        self._log = str(folder / "fleet.log")
        self._started: list[ForkServerProcess] = []
        self._running = [self._start(number) for number in range(CONSUMERS)]

    def replace(self, number: int) -> None:
        """Put another in one's place, and wait for its work.

        A name is free when who had it has ended; without names, the next one is a member of the
        group before the last one is asked to end.
        """
        last, done = self._running[number], self._site.books().total.done
        if self._named:
            self._end(last)
            self._running[number] = self._start(number)
        else:
            self._running[number] = self._start(number)
            wait_until(lambda: self._members() == CONSUMERS + 1)
            self._end(last)
        wait_until(lambda: self._site.books().total.done > done)

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.join()

    def _start(self, number: int) -> ForkServerProcess:
        name = {"CONSUMER_NAME": f"consumer-{number}" if self._named else ""}
        self._started.append(fork_consumer(self._environment | name, self._log, UnhurriedModel))
        return self._started[-1]

    def _end(self, consumer: ForkServerProcess) -> None:
        consumer.terminate()
        consumer.join(60)
        assert consumer.exitcode == 0, Path(self._log).read_text()

    def _members(self) -> int:
        with open_admin(self._site.settings) as admin:
            return len(admin.describe_groups([GROUP])[GROUP]["members"])


@contextmanager
def arriving(site: Site) -> Iterator[list[bytes]]:
    """Different small pictures, so many that some always wait, until the work inside is done."""
    pictures: list[bytes] = []

    def send() -> None:
        time.sleep(PAUSE_SECONDS)
        if len(pictures) - _settled(site) < WAITING:
            row, column = divmod(len(pictures), 40)
            pictures.append(png(20 + column, 20 + row))
            site.events.send(UPLOADS, str(len(pictures)).encode(), pictures[-1], [])

    with meanwhile(send):
        yield pictures


def _settled(site: Site) -> int:
    with site.world.database.reading() as session:
        ended = select(func.count()).select_from(Delivery).where(Delivery.outcome.is_not(None))
        return session.scalar(ended) or 0


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=[pytest.mark.gameday, pytest.mark.timeout(900)])]
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "nameless"])
def test_consumers_are_replaced_one_after_the_other_under_load(
    site: Site, drill: Callable[[Site], Drill], tmp_path: Path, rounds: int, named: bool
) -> None:
    fleet = Fleet(site, tmp_path, named=named)
    roll = drill(site)
    try:
        with arriving(site) as pictures:
            wait_until(lambda: site.books().total.done >= CONSUMERS)
            how = "named" if named else "nameless"
            with roll.broken(f"each of {CONSUMERS} {how} consumers replaced, {rounds} times"):
                for number in list(range(CONSUMERS)) * rounds:
                    fleet.replace(number)
        total = roll.require_recovery()
    finally:
        fleet.close()
    assert (total.done, total.accepted) == (len(pictures), len(pictures))
    assert len(site.world.all(Image)) == len(site.world.all(Result)) == len(pictures)
    # None was begun twice: what was at hand was ended, or handed back with its attempt.
    assert {it.attempts for it in site.world.all(Delivery)} == {1}
