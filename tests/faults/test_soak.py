"""A long time at rated load: nothing grows."""

import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.books import Account
from infra.eventlog.topics import UPLOADS
from infra.events.envelope import Envelope
from infra.events.pictures import ClaimCheck, upload_event
from tests.consumers import consuming
from tests.consumers.consuming import Site
from tests.faults.day import Sample, Soak
from tests.fixtures.gamedays import FOUND
from tests.fixtures.model_servers import RunningModelServer

SIDE = 128
RECORDS_A_SECOND = 1
ODD_ONES = 20
"""One record in so many is no picture, and one is an event that was sent before."""
SWAY = 8
"""Descriptors that come and go: a connection to SQLite is three, a result in the making two. In
half an hour, a leak at one of a hundred records is more."""
RATED = (
    f"{RECORDS_A_SECOND} record a second on {UPLOADS}, pictures of {SIDE} x {SIDE} pixels; one "
    f"in {ODD_ONES} is no picture, and one was sent before. The consumer is a process, its model "
    "an ensemble of three small networks on the embedded model server"
)


class Load:
    """Records at an even pace."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._chance = random.Random(1)
        self._last: Envelope | None = None
        self.expected = Account()

    def catch_up(self, elapsed_s: float) -> None:
        """Send what is due by then."""
        while self.expected.accepted <= elapsed_s * RECORDS_A_SECOND:
            self.expected += self._send()

    def _send(self) -> Account:
        chance = self._chance.randrange(ODD_ONES)
        if chance == 0:
            self._site.events.send(UPLOADS, os.urandom(4), b"not a picture", [])
            return Account(accepted=1, dead=1)
        if chance == 1 and self._last:
            self._site.send(self._last)
            return Account(accepted=1, duplicate=1)
        self._last = self._picture()
        self._site.send(self._last)
        return Account(accepted=1, done=1)

    def _picture(self) -> Envelope:
        """A gradient that differs each time, and is small as a PNG."""
        slope = np.array([self._chance.random() for _ in range(3)])
        rows = np.arange(SIDE)[:, None, None] * slope + np.arange(SIDE)[:, None] * slope[::-1]
        file = io.BytesIO()
        Image.fromarray((rows % 256).astype(np.uint8)).save(file, "PNG")
        claim = ClaimCheck(
            self._site.world.blobs.put(file.getvalue()), len(file.getvalue()), "image/png"
        )
        return upload_event("gradient.png", claim, datetime.now(UTC))


@contextmanager
def consumer_process(site: Site, model: RunningModelServer, folder: Path) -> Iterator[int]:
    """Its id, while it runs; it ends with 0."""
    environment = os.environ | {
        "DOUBLET_HOME": str(folder),
        "KAFKA_BOOTSTRAP_SERVERS": site.settings.kafka_bootstrap_servers,
        "DATABASE_URL": str(site.world.database.engine.url),
        "BLOB_STORE": (folder / "blobs").as_uri(),
        "MODEL_SERVER": model.address,
    }
    with (folder / "consumer.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "consumers"], env=environment, stderr=log)
    try:
        yield process.pid
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def sample(pid: int, at_s: float, books: Account) -> Sample:
    """What the process holds now."""
    proc = Path(f"/proc/{pid}")
    pages = int((proc / "statm").read_text().split()[1])
    links = list(opened_by(pid))
    return Sample(
        at_s=at_s,
        resident_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        descriptors=len(links),
        connections=sum(link.startswith("socket:") for link in links),
        threads=len(list((proc / "task").iterdir())),
        settled=books.settled,
        waiting=books.in_flight,
    )


def opened_by(pid: int) -> Iterator[str]:
    """What each of a process's file descriptors leads to."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield os.readlink(entry)


@pytest.mark.gameday
@pytest.mark.apache
@pytest.mark.timeout(24 * 3600)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("one_kafka", ["apache"], indirect=True)
def test_nothing_grows_at_rated_load(
    site: Site,
    embedded_model_server: RunningModelServer,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    seconds = 60 * float(pytestconfig.getoption("--soak-minutes"))
    every = max(1.0, seconds / 180)
    load, samples = Load(site), list[Sample]()
    with consumer_process(site, embedded_model_server, tmp_path) as pid:
        load.catch_up(0)
        consuming.wait_until(lambda: site.lag() == 0)
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            load.catch_up(elapsed)
            if elapsed >= len(samples) * every:
                samples.append(sample(pid, elapsed, site.books().total))
            time.sleep(0.1)
        consuming.wait_until(lambda: site.lag() == 0)
    after, proof = site.books().total, site.proof()
    soak = Soak("Apache Kafka", RATED, tuple(samples), after, proof.differences)
    pytestconfig.stash[FOUND].soaks[f"{seconds / 60:g} minutes on {soak.broker}"] = soak
    assert proof.differences == ()
    assert after == load.expected
    early, late = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    for held in ("descriptors", "connections", "threads"):
        most_early, most_late = (max(getattr(it, held) for it in half) for half in (early, late))
        assert most_late <= most_early + SWAY
    grown_mib = soak.slope_per_hour("resident_mib") * seconds / 2 / 3600
    # Python's arenas fill up in the first minutes; a short soak sees little else.
    assert grown_mib < 0.1 * late[0].resident_mib
