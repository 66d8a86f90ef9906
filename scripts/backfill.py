"""Measures a backfill of recorded days, killed twice; the figures of docs/apod.md are from it.

    python scripts/backfill.py FOLDER

FOLDER holds recorded answers of APOD's old service, as tests/fixtures/recorded_apod.py reads them.
Starts a recorded server and a broker in a folder of its own, runs `doublet apod backfill` over all
recorded days, kills it with SIGKILL after a third and after two thirds of them, lets it end, and
counts the events of each day on Kafka.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState
from infra.eventlog.clients import open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import APOD, BACKFILL, ensure_topics
from infra.settings import Settings
from producers.backfill import Backfill
from producers.backfiller import open_backfill

DOUBLET = [sys.executable, "-m", "doublet"]
LIMIT = 200_000
"""Requests an hour that the recorded server takes; the backfill slows down to what is left."""
FAULT_EVERY = 100
"""One day in so many fails before it answers: 500, 503 that is not JSON, 429, in turn."""
LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """One process of the backfill, from its start to its end."""

    seconds: float
    processor_seconds: float
    peak_mib: float
    exit_code: int


@dataclass(frozen=True)
class Scene:
    """What is measured in."""

    settings: Settings
    database: Database
    first: str
    last: str


def main() -> None:
    """Measure, and print one line for each figure."""
    parser = argparse.ArgumentParser(description="Measures a backfill that is killed twice.")
    parser.add_argument("folder", type=Path, help="of recorded answers")
    given = parser.parse_args()
    with (
        TemporaryDirectory(prefix="doublet-backfill-") as home,
        set_up(given.folder, Path(home)) as scene,
    ):
        backfill = open_backfill(scene.settings, scene.database)
        command = [*DOUBLET, "apod", "backfill", "--from", scene.first, "--to", scene.last]
        for share in (1 / 3, 2 / 3, None):
            tell_run(run(command, backfill, share), backfill)
        tell_events(scene)


@contextmanager
def set_up(folder: Path, home: Path) -> Iterator[Scene]:
    """A recorded server, a broker with its topics, and a database."""
    web, broker = free_ports(2)
    serve = [sys.executable, "-m", "tests.fixtures.recorded_apod", str(folder)]
    manners = ["--limit", f"{LIMIT}", "--fault-every", f"{FAULT_EVERY}", "--retry-after", "2"]
    keep = [sys.executable, "-m", "infra.broker.embedded", "--data", str(home / "kafka")]
    with (
        process([*serve, "--port", f"{web}", *manners]) as server,
        process([*keep, "--port", f"{broker}"]),
    ):
        assert server.stdout is not None
        days, _, _, first, _, last = server.stdout.readline().split()
        say(f"recorded: {days} days from {first} to {last}")
        os.environ |= {
            "DOUBLET_HOME": str(home),
            "BROKER_PORT": f"{broker}",
            "APOD_API": "v1",
            "APOD_V1_URL": f"http://127.0.0.1:{web}/planetary/apod",
            "APOD_REQUESTS_PER_HOUR": f"{LIMIT}",
        }
        settings = Settings(_env_file=None)
        wait_for_port(broker)
        with open_admin(settings) as admin:
            ensure_topics(admin, settings)
        subprocess.run([*DOUBLET, "db", "upgrade"], check=True, stdout=subprocess.DEVNULL)
        yield Scene(settings, Database(settings.database), first, last)


def run(command: list[str], backfill: Backfill, share: float | None) -> Run:
    """Run a backfill to its end, or kill it once a share of the days has ended."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
        progress = backfill.progress()
        if share is not None and progress.total and progress.ended >= share * progress.total:
            child.send_signal(signal.SIGKILL)
        time.sleep(LOOK_SECONDS)
    return Run(
        time.monotonic() - began,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,  # Linux counts it in KiB
        child.returncode,
    )


def tell_run(run: Run, backfill: Backfill) -> None:
    """One line for a process, and where the backfill stands."""
    progress = backfill.progress()
    say(
        f"{'killed' if run.exit_code == -signal.SIGKILL else f'ended with {run.exit_code}'} after "
        f"{run.seconds:.0f} s, {run.processor_seconds:.0f} s of the processor, at most "
        f"{run.peak_mib:.0f} MiB: {progress.published} sent, {progress.skipped} without a picture, "
        f"{progress.failed} given up, {progress.waiting} waiting; "
        f"{progress.requests_used} requests so far"
    )


def tell_events(scene: Scene) -> None:
    """How many events each day has, against what the ledger says of the days."""
    with scene.database.reading() as session:
        sent = set(
            session.scalars(select(ApodDay.event_id).where(ApodDay.state == ApodState.PUBLISHED))
        )
    with LogReader(scene.settings) as reader:
        events = Counter(
            record.key.decode() for topic in (APOD, BACKFILL) for record in reader.since(topic, {})
        )
    say(
        f"{events.total()} events of {len(events)} days on Kafka; at most "
        f"{max(events.values())} of a day; the ledger's days are "
        f"{'the same' if sent == set(events) else 'OTHERS'}"
    )


@contextmanager
def process(command: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """A part that is needed; ended at the end."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"nobody listens on port {port} after {seconds:g} s")


def say(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
