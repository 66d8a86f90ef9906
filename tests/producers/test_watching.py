"""A watched folder: each picture once, whole, over restarts, and what is refused is said."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from infra.database.doors import WatchedFile
from infra.database.engine import Database
from infra.database.models import Image, PartState
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import ensure_topics
from infra.settings import Settings
from producers.settling import open_for_writing
from producers.sniffing import Unreadable
from producers.submitting import Receipt, Submitter
from producers.watched_files import WatchedFiles
from producers.watching import NoFolder, Watch, WatchPolicy
from tests.fixtures.brokers import BrokerFactory
from tests.producers.conftest import Configure, picture

QUICK = WatchPolicy(settled_seconds=0.3, look_seconds=0.02, scan_seconds=1, retry_seconds=0.1)
PATIENCE_SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


class Watching:
    """A watch at work, and what it said."""

    def __init__(self, folder: Path, settings: Settings, database: Database) -> None:
        self.lines: list[str] = []
        self.watch = Watch(folder, settings, WatchedFiles(database), self.lines.append, QUICK)
        self._thread = threading.Thread(target=self.watch.run)
        self._thread.start()

    def until(self, *beginnings: str) -> None:
        """Wait until there is a line that begins with each."""
        wait_until(
            lambda: all(any(line.startswith(it) for line in self.lines) for it in beginnings)
        )

    def end(self) -> None:
        self.watch.stop()
        self._thread.join()


@contextmanager
def watching(folder: Path, settings: Settings, database: Database) -> Iterator[Watching]:
    found = Watching(folder, settings, database)
    try:
        yield found
    finally:
        found.end()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def images(database: Database) -> list[str]:
    """The ids of what was handed in and doubled, one for each event."""
    with database.reading() as session:
        return sorted(session.scalars(select(Image.event_id)))


def put(path: Path, shade: int) -> bytes:
    content = picture(shade=shade)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def test_what_lies_there_and_what_comes_is_handed_in_once(
    folder: Path, running: Settings, sqlite: Database
) -> None:
    put(folder / "old.png", 1)
    with watching(folder, running, sqlite) as watch:
        watch.until("old.png: sent as upload:")
        put(folder / "new.png", 2)
        put(folder / "trip" / "day 1" / "deep.png", 3)
        (folder / "notes.txt").write_text("no picture")
        put(folder / ".hidden.png", 4)
        put(folder / "moon.png.part", 5)
        watch.until("new.png: sent", "trip/day 1/deep.png: sent", "notes.txt: refused: not a read")
        (folder / "moon.png.part").rename(folder / "moon.png")
        watch.until("moon.png: sent as upload:")
        assert len(watch.lines) == 5
        condition = watch.watch.condition()
    assert condition.state is PartState.RUNNING
    assert "4 handed in, 1 refused, the last: notes.txt: not a readable picture" in condition.detail
    wait_until(lambda: len(images(sqlite)) == 4)


def test_a_file_is_not_sent_before_it_is_whole(
    folder: Path, running: Settings, sqlite: Database
) -> None:
    content = picture(300, 300)
    with watching(folder, running, sqlite) as watch:
        with (folder / "slow.png").open("wb") as file:
            file.write(content[:-20])
            file.flush()
            # Its writer pauses for longer than a file must have stood still.
            put(folder / "first.png", 1)
            watch.until("first.png: sent")
            put(folder / "second.png", 2)
            watch.until("second.png: sent")
            assert open_for_writing(folder / "slow.png")
            file.write(content[-20:])
        watch.until("slow.png: sent")
        assert [line for line in watch.lines if line.startswith("slow.png")] == [
            f"slow.png: sent as upload:{hashlib.sha256(content).hexdigest()}"
        ]


def test_a_restart_sends_what_came_meanwhile_and_nothing_again(
    folder: Path, running: Settings, sqlite: Database
) -> None:
    put(folder / "one.png", 1)
    put(folder / "two.png", 2)
    (folder / "notes.txt").write_text("no picture")
    with watching(folder, running, sqlite) as watch:
        watch.until("one.png: sent", "two.png: sent", "notes.txt: refused")
    put(folder / "two.png", 22)
    put(folder / "three.png", 3)
    with watching(folder, running, sqlite) as watch:
        watch.until("two.png: sent", "three.png: sent")
        assert len(watch.lines) == 2
    with sqlite.reading() as session:
        rows = {Path(row.path).name: row for row in session.scalars(select(WatchedFile))}
    assert set(rows) == {"one.png", "two.png", "three.png", "notes.txt"}
    assert rows["notes.txt"].refused is not None
    assert rows["one.png"].event_id is not None


def test_what_is_away_is_waited_for(
    folder: Path, sqlite: Database, configure: Configure, new_broker: BrokerFactory, tmp_path: Path
) -> None:
    broker = new_broker("embedded", tmp_path)
    settings = configure(kafka_bootstrap_servers=broker.bootstrap)
    put(folder / "moon.png", 1)
    with watching(folder, settings, sqlite) as watch:
        watch.until("waiting: Kafka")
        assert watch.watch.condition().state is PartState.WAITING
        broker.start()
        with open_admin(settings) as admin:
            ensure_topics(admin, settings)
        watch.until("moon.png: sent")
        wait_until(lambda: watch.watch.condition().state is PartState.RUNNING)
    broker.kill()


def test_a_file_that_may_not_be_read_is_said_once_and_sent_when_it_may(
    folder: Path, running: Settings, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    submit = Submitter.submit

    def refuse_thrice(submitter: Submitter, name: str, content: Path) -> Receipt:
        tries.append(name)  # whoever runs the tests may be root, who may read everything
        if len(tries) <= 3:
            raise Unreadable("cannot be read: permission denied")
        return submit(submitter, name, content)

    monkeypatch.setattr(Submitter, "submit", refuse_thrice)
    put(folder / "moon.png", 1)
    with watching(folder, running, sqlite) as watch:
        watch.until("moon.png: sent")
        assert [line.partition(" as ")[0] for line in watch.lines] == [
            "moon.png: refused: cannot be read: permission denied",
            "moon.png: sent",
        ]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, sqlite: Database) -> None:
    watch = Watch(tmp_path / "no", Settings(_env_file=None), WatchedFiles(sqlite), print)
    with pytest.raises(NoFolder, match="there is no folder"):
        watch.run()


def test_a_file_that_somebody_reads_is_whole(folder: Path) -> None:
    put(folder / "moon.png", 1)
    with (folder / "moon.png").open("rb"):
        assert not open_for_writing(folder / "moon.png")
    assert not open_for_writing(folder / "nowhere.png")


def test_the_command_survives_a_kill_and_ends_when_told(
    folder: Path, running: Settings, sqlite: Database, tmp_path: Path
) -> None:
    log = tmp_path / "watch.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "doublet", "watch", str(folder)],
                env=os.environ | {"DATABASE_URL": running.database},
                stdout=output,
                stderr=output,
            )

    put(folder / "one.png", 1)
    first = start()
    wait_until(lambda: b"one.png: sent" in log.read_bytes())
    first.kill()
    first.wait()
    put(folder / "two.png", 2)
    second = start()
    wait_until(lambda: b"two.png: sent" in log.read_bytes())
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert log.read_bytes().count(b"one.png: sent") == 1
    wait_until(lambda: len(images(sqlite)) == 2)
