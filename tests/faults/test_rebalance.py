"""Workers join, leave and die at random, and the books balance afterwards."""

import random
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra.database.engine import Database
from infra.database.models import Image, Result
from infra.eventlog.topics import APOD, INTAKE, UPLOADS
from infra.settings import Settings
from tests.consumers import consuming
from tests.consumers.consuming import Site, site_on
from tests.consumers.forks import fork_consumer
from tests.faults.drills import Drill
from tests.fixtures.brokers import LocalBroker

MESSAGES = 2_000
PICTURES = 20
"""Each handed in again and again: all but the first are duplicates, or arrive at the same time."""
FEWEST, MOST = 2, 8
TURNS = 24


class Herd:
    """Workers, two to eight at a time."""

    def __init__(self, settings: Settings, folder: Path, chance: random.Random) -> None:
        self._environment = {
            "DOUBLET_HOME": str(folder),
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "DATABASE_URL": settings.database,
            "BLOB_STORE": settings.blob_store,
            "LOG_LEVEL": "ERROR",
        }
        self._log = str(folder / "herd.log")
        self._chance = chance
        self._started = 0
        self._leaving: list[ForkServerProcess] = []
        self.workers: list[ForkServerProcess] = []
        self.history: list[str] = []

    def join(self) -> None:
        """Every other one has a name that another one may bear again later."""
        name = f"worker-{self._started % 4}" if self._started % 2 else ""
        taken = {worker.name for worker in self.workers + self._leaving if worker.is_alive()}
        if name in taken:
            name = ""
        self._started += 1
        worker = fork_consumer(self._environment | {"CONSUMER_NAME": name}, self._log)
        if name:
            worker.name = name
        self.workers.append(worker)
        self.history.append("join")

    def leave(self) -> None:
        worker = self._one_of_them()
        worker.terminate()
        self._leaving.append(worker)
        self.history.append("leave")

    def die(self) -> None:
        worker = self._one_of_them()
        worker.kill()
        worker.join()
        self.history.append("die")

    def turn(self) -> None:
        """One of the three, as far as the bounds allow."""
        turns = [self.join] if len(self.workers) < MOST else []
        turns += [self.leave, self.die] if len(self.workers) > FEWEST else []
        self._chance.choice(turns)()

    def exit_codes_once_all_have_left(self) -> set[int | None]:
        while self.workers:
            self.leave()
        for worker in self._leaving:
            worker.join(30)
        return {worker.exitcode for worker in self._leaving}

    def close(self) -> None:
        for worker in self.workers + self._leaving:
            worker.kill()
            worker.join()

    def said(self) -> str:
        return Path(self._log).read_text()[-4000:] if Path(self._log).exists() else ""

    def _one_of_them(self) -> ForkServerProcess:
        return self.workers.pop(self._chance.randrange(len(self.workers)))


@pytest.fixture
def site(
    private_broker: LocalBroker,
    sqlite: Database,
    tmp_path: Path,
) -> Iterator[Site]:
    with site_on(private_broker, sqlite, tmp_path) as site:
        changes: dict[str, Any] = {
            "database_url": SecretStr(str(sqlite.engine.url)),
            "blob_store": (tmp_path / "blobs").as_uri(),
        }
        site.settings = site.settings.model_copy(update=changes)
        yield site


@pytest.mark.gameday
@pytest.mark.timeout(1800)
def test_the_books_balance_after_a_storm_of_rebalances(
    site: Site,
    drill: Callable[[Site], Drill],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consuming, "SOON", 600.0)
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    herd = Herd(site.settings, tmp_path, chance)
    pictures = [site.picture(20 + number) for number in range(PICTURES)]
    counts = {"bad": 0, "good": 0}
    storm = drill(site)
    try:
        herd.join()
        herd.join()
        with storm.broken(f"{TURNS} joins, leaves and kills, of {FEWEST} to {MOST} consumers"):
            for number in range(MESSAGES):
                if chance.random() < 0.8:
                    key = str(number).encode()
                    topic = chance.choice(INTAKE)
                    site.events.send(topic, key, b"not a picture", [("ce_id", b"incomplete")])
                    counts["bad"] += 1
                else:
                    # The same event on two topics: two workers may be at it at the same time.
                    site.send(chance.choice(pictures), chance.choice([UPLOADS, APOD]))
                    counts["good"] += 1
                if number % (MESSAGES // TURNS) == 0:
                    herd.turn()
        total = storm.require_recovery()
        assert herd.exit_codes_once_all_have_left() == {0}
    except BaseException:
        print(f"seed {seed}: {herd.history}\n{herd.said()}")  # noqa: T201
        raise
    finally:
        herd.close()

    assert (total.accepted, total.deleted) == (MESSAGES, 0)
    assert total.dead == counts["bad"]
    assert total.done + total.duplicate == counts["good"]
    assert (site.proof().ended, site.proof().empty) == (MESSAGES, 0)
    with site.world.database.reading() as session:
        assert session.query(Result).count() == session.query(Image).count() == total.done
    assert {"join", "leave", "die"} <= set(herd.history)
