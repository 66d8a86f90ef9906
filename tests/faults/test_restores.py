"""Doublet on another machine, from a copy: what was lost is named, and the books balance."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from infra.backup.backup import back_up, restore
from infra.backup.databases import snapshot
from infra.backup.local_broker import running
from infra.backup.rewind import CannotRewind, behind_the_books, rewind
from infra.blobs import Blob
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Image, ImageState, Result
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import UPLOADS, ensure_topics
from infra.settings import Settings
from tests.consumers.consuming import Site, wait_until
from tests.consumers.world import World, png
from tests.fixtures.ports import free_ports


def settled(site: Site) -> bool:
    return site.lag() == 0


def send_and_settle(site: Site, *sides: int) -> None:
    """Pictures by claim check, and the first of them by its bytes as well, all doubled."""
    with site.consuming():
        for side in sides:
            site.send(site.picture(side))
        site.events.send(UPLOADS, b"key", png(sides[0], 3), [])
        wait_until(lambda: settled(site))


def restored_in(home: Path, **addresses: object) -> Settings:
    return Settings(_env_file=None, doublet_home=home, partitions=2, **addresses)  # type: ignore[arg-type]


@contextmanager
def site_of(settings: Settings) -> Iterator[Site]:
    """A consumer on a database, blobs and a Kafka that stay when it ends."""
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
    with closing(Database(settings.database)) as database:
        upgrade(database)
        site = Site(settings, World(database, settings.doublet_home / "blobs"))
        yield site
        site.events.close()


def require_balance(site: Site, pictures: int) -> None:
    books = site.books().total
    assert site.proof().differences == ()
    assert (books.balanced, books.in_flight, books.accepted) == (True, 0, pictures)


def test_a_database_that_is_older_than_the_offsets_is_set_right(site: Site, tmp_path: Path) -> None:
    """Kafka survives; database and blobs come back from a copy that is some pictures old."""
    copy = tmp_path / "copy"
    send_and_settle(site, 20, 21)
    back_up(site.settings, copy)
    send_and_settle(site, 22, 23)

    away = restored_in(
        tmp_path / "away", kafka_bootstrap_servers=site.settings.kafka_bootstrap_servers
    )
    restore(away, copy)
    with site_of(away) as other:
        assert other.books().total.missing == 3
        assert all("missing" in line for line in other.proof().differences)
        with other.world.database.reading() as session:
            found = behind_the_books(session, other.offsets())
        assert sum(it.committed - it.books for it in found) >= 3

        with other.consuming():
            other.send(other.picture(24))
            wait_until(lambda: settled(other))
            with pytest.raises(CannotRewind, match="stop every consumer"):
                rewind(away, found, patience_s=0)
        rewind(away, found)
        with other.consuming():
            wait_until(lambda: settled(other))
        require_balance(other, pictures=7)
        states = sorted((it.state, it.reason) for it in other.world.all(Image))
        # The bytes of what was handed in by claim check after the copy are nowhere any more.
        assert states.count((ImageState.DEAD, "blob_missing")) == 2
        for result in other.world.all(Result):
            assert other.world.blobs.get(Blob(result.sha256))
        with other.world.database.reading() as session:
            assert behind_the_books(session, other.offsets()) == []


def test_the_local_stack_comes_back_in_another_folder(tmp_path: Path) -> None:
    """By the two commands, the first of them while a consumer is at work."""
    ports = free_ports(2)
    home, away = (
        restored_in(tmp_path / name, broker_port=port)
        for name, port in zip(("home", "away"), ports, strict=True)
    )
    copy = tmp_path / "copy"
    with running(home), site_of(home) as site:
        send_and_settle(site, 20, 21)
        older = snapshot(home.database, tmp_path / "older")
        send_and_settle(site, 22, 23)
        with site.consuming():
            assert "the broker's log" in doublet(home, "backup", str(copy))
    # As if these had been doubled between the copies of the database and of the log.
    older.replace(copy / older.name)

    assert "set back from" in doublet(away, "restore", str(copy))
    assert "exists" in doublet(away, "restore", str(copy), fails=True)
    with running(away), site_of(away) as other:
        with other.consuming():
            wait_until(lambda: settled(other))
        require_balance(other, pictures=6)
        assert {it.state for it in other.world.all(Image)} == {ImageState.DONE}
        assert "nothing to set back" in doublet(away, "rewind")


def doublet(settings: Settings, *arguments: str, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "doublet", *arguments],
        env=os.environ
        | {
            "DOUBLET_HOME": str(settings.doublet_home),
            "BROKER_PORT": str(settings.broker_port),
            "PARTITIONS": "2",
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 1) == fails, done.stderr
    return done.stderr if fails else done.stdout
