"""The disk that everything lies on is full."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from infra.books import Account
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Image
from tests.consumers.consuming import Site, wait_until
from tests.faults.conftest import Kafka, whole_site
from tests.faults.drills import Drill


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes Linux and root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk_site(kafka: Kafka, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Database, blobs and scratch folder are on it."""
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    with closing(Database(f"sqlite:///{disk}/doublet.sqlite")) as database:
        upgrade(database)
        with whole_site(kafka, database, disk) as site:
            yield site


def test_the_disk_is_full(disk: Path, disk_site: Site, drill: Callable[[Site], Drill]) -> None:
    site, outage = disk_site, drill(disk_site)
    with site.consuming(hands=2) as running:
        site.send(site.picture(20))
        wait_until(lambda: site.lag() == 0)
        events = [site.picture(side) for side in range(40, 52)]
        with outage.broken("the disk of database, blobs and scratch files is full"):
            filler = fill(disk)
            for event in events:
                site.send(event)
            wait_until(lambda: bool(running.breaker.troubles))
            filler.unlink()
        after = outage.require_recovery()
    assert after == Account(accepted=13, done=13)
    assert {row.attempts for row in site.world.all(Image)} == {1}


def fill(disk: Path) -> Path:
    """Take all room that there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    return filler
