"""A backfill that is killed again and again ends with exactly one event a day, on a real broker."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.database.engine import Database
from infra.eventlog.clients import open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import APOD, BACKFILL, ensure_topics
from infra.settings import Settings
from producers.backfiller import open_backfill
from tests.fixtures.apod_servers import ApodServer, Recorded, v2_entry
from tests.fixtures.brokers import LocalBroker
from tests.producers.conftest import Configure, picture

ROOT = Path(__file__).parents[2]
DAYS = [date(2024, 2, 1) + timedelta(days=number) for number in range(30)]
"""A leap year's February, and the first of March."""
VIDEOS = DAYS[::6]


@pytest.fixture
def here(
    private_broker: LocalBroker, sqlite: Database, configure: Configure, apod_server: ApodServer
) -> Settings:
    settings = configure(
        kafka_bootstrap_servers=private_broker.bootstrap,
        apod_v2_url=apod_server.v2_url,
        apod_requests_per_hour=1_000_000,
    )
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
    for number, day in enumerate(DAYS):
        kind = "video" if day in VIDEOS else "image"
        apod_server.v2(day, v2_entry(apod_server, day, media_type=kind))
        apod_server.put(f"/dynamicimage/{day}.png", Recorded(picture(shade=number)))
    return settings


def _run(*arguments: str) -> int:
    command = [sys.executable, "-m", "tests.producers.dying_backfill", *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), timeout=250).returncode


@pytest.mark.timeout(300)
def test_killed_twice_it_ends_with_one_event_a_day(
    here: Settings, sqlite: Database, apod_server: ApodServer
) -> None:
    backfill = open_backfill(here, sqlite)
    backfill.ask_for(DAYS[0], DAYS[-1])
    # Once before Kafka has an event that was announced, once after, before anybody knows of it.
    assert _run("before", "8") == -signal.SIGKILL
    assert _run("after", "8") == -signal.SIGKILL
    assert _run("never", "0") == 0
    with LogReader(here) as reader:
        sent = Counter(
            record.key.decode() for topic in (APOD, BACKFILL) for record in reader.since(topic, {})
        )
    assert sent == {f"apod:{day}": 1 for day in DAYS if day not in VIDEOS}
    progress = backfill.progress()
    assert (progress.published, progress.skipped) == (len(sent), len(VIDEOS))
    # The two days that were at hand when a process died were asked for twice, no other was.
    asked = [path for path in apod_server.requests if "apod-basic" in path]
    assert len(asked) == progress.requests_used == len(DAYS) + 2
