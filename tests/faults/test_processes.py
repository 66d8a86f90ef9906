"""The consumer's process is killed, asked to stop, and restarted, in the middle of everything."""

import signal
import time
from collections.abc import Callable, Iterator
from itertools import product
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from kafka import KafkaConsumer
from numpy.typing import NDArray

from consumers import crash_points
from consumers.crash_points import CrashPoint
from consumers.departures import Departures
from infra.books import Account
from infra.database.models import DeadLetter, Delivery, Image, ImageState, Outcome, Result
from infra.errors import BadSetting
from infra.eventlog.topics import INTAKE
from infra.events.reasons import Reason
from infra.settings import Settings, settings
from serving.model_server import Doubled, ModelServer
from tests.consumers.consuming import SOON, Site, wait_until
from tests.consumers.forks import fork_consumer
from tests.faults.drills import Drill
from tests.fixtures.model_servers import FakeModelServer

SEVERAL_TILES = 200
"""Side of a picture that is cut into 16 tiles of 64 pixels."""


class SlowModel(FakeModelServer):
    """A picture of several tiles takes it so long that nobody misses the middle of it."""

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        time.sleep(1)
        return super().double(tiles, version=version, spread=spread)


class Herd:
    """Processes that consume from one site."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._environment = {
            "DOUBLET_HOME": str(folder),
            "KAFKA_BOOTSTRAP_SERVERS": site.settings.kafka_bootstrap_servers,
            "DATABASE_URL": str(site.world.database.engine.url),
            "BLOB_STORE": (folder / "blobs").as_uri(),
            "TILE_SIDE": "64",
            "TILES_PER_CALL": "1",
        }
        self._log = str(folder / "consumers.log")
        self._all: list[ForkServerProcess] = []

    def start(
        self,
        name: str = "consumer",
        crash_at: str = "",
        model: Callable[[], ModelServer] = FakeModelServer,
    ) -> ForkServerProcess:
        environment = self._environment | {"CONSUMER_NAME": name, "CRASH_AT": crash_at}
        self._all.append(fork_consumer(environment, self._log, model))
        return self._all[-1]

    def close(self) -> None:
        for process in self._all:
            process.kill()
            process.join()


@pytest.fixture
def herd(site: Site, tmp_path: Path) -> Iterator[Herd]:
    herd = Herd(site, tmp_path)
    yield herd
    herd.close()


@pytest.mark.parametrize("point", get_args(CrashPoint))
def test_the_consumer_is_killed(
    site: Site, herd: Herd, drill: Callable[[Site], Drill], point: CrashPoint
) -> None:
    for side in (SEVERAL_TILES, 40, 50):
        site.send(site.picture(side))
    death = drill(site)
    with death.broken(f"kill -9 of the consumer: {point}"):
        consumer = herd.start(crash_at=point)
        consumer.join(SOON)
        assert consumer.exitcode == -signal.SIGKILL
        blobs = {it.blob.sha256 for it in site.world.blobs.stored()}
        results = {row.sha256 for row in site.world.all(Result)}
        assert results <= blobs
        assert site.lag() == 3
        if point == "after-blob":
            assert len(blobs) > 3
            assert results == set()
        if point == "before-commit":
            assert len(results) > 0
    herd.start()
    assert death.require_recovery() == Account(accepted=3, done=3)
    assert len(site.world.all(Result)) == 3


def test_a_picture_kills_every_consumer_that_tries_it(
    site: Site, herd: Herd, drill: Callable[[Site], Drill]
) -> None:
    poison = drill(site)
    site.send(site.picture(SEVERAL_TILES))
    with poison.broken("a poison ends the process 3 times"):
        for _ in range(3):
            consumer = herd.start(crash_at="mid-picture")
            consumer.join(SOON)
            assert consumer.exitcode == -signal.SIGKILL
    consumer = herd.start(crash_at="mid-picture")
    after = poison.require_recovery()
    assert consumer.is_alive()
    assert after == Account(accepted=1, dead=1)
    assert site.world.one(DeadLetter).reason == Reason.CRASH_LOOP


def test_sigterm_in_the_middle_of_a_picture(
    site: Site, herd: Herd, drill: Callable[[Site], Drill]
) -> None:
    stop = drill(site)
    site.send(site.picture(SEVERAL_TILES))
    consumer = herd.start(model=SlowModel)
    wait_until(lambda: [row.state for row in site.world.all(Image)] == [ImageState.WORKING])
    with stop.broken("SIGTERM in the middle of a picture"):
        consumer.terminate()
        consumer.join(SOON)
        assert consumer.exitcode == 0
    [delivery] = site.world.all(Delivery)
    assert (delivery.outcome, delivery.attempts) in {(None, 0), (Outcome.DONE, 1)}
    herd.start()
    assert stop.require_recovery() == Account(accepted=1, done=1)


def test_a_consumer_that_is_restarted_under_its_name_causes_no_rebalance(
    site: Site, herd: Herd, drill: Callable[[Site], Drill]
) -> None:
    members: list[KafkaConsumer] = []

    def join(departures: Departures) -> KafkaConsumer:
        members.append(site.join(departures, "one"))
        return members[0]

    site.connect = join
    with site.consuming():
        other = herd.start("other")
        wait_until(lambda: [len(member.assignment()) for member in members] == [3])
        # The group is at rest once records of every partition are settled.
        for number, topic in product(range(10), INTAKE):
            site.events.send(topic, str(number).encode(), b"not a picture", [])
        wait_until(lambda: site.lag() == 0)
        generation, ours = generation_of(members[0]), members[0].assignment()
        restart = drill(site)
        with restart.broken("one of two consumers with names is killed and started again"):
            other.kill()
            other.join()
            herd.start("other")
        for side in range(20, 30):
            site.send(site.picture(side))
        after = restart.require_recovery()
        assert generation_of(members[0]) == generation
        assert members[0].assignment() == ours
    assert after == Account(accepted=40, done=10, dead=30)


def generation_of(member: KafkaConsumer) -> int:
    """How often its group has shared out the partitions."""
    generation: int = member._coordinator._generation.generation_id
    return generation


def test_no_crash_point_is_armed_by_default() -> None:
    assert Settings(_env_file=None).crash_at == ""
    for point in get_args(CrashPoint):
        crash_points.reached(point)


def test_every_crash_point_can_be_set_and_another_one_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for point in get_args(CrashPoint):
        assert Settings(_env_file=None, crash_at=point).crash_at == point
    monkeypatch.setenv("CRASH_AT", "somewhere")
    settings.cache_clear()
    with pytest.raises(BadSetting, match=r"CRASH_AT is not usable: .*'mid-picture'"):
        settings()
    settings.cache_clear()
