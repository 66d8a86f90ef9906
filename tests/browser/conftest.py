"""Chromium, and a running dashboard to look at."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from infra.database.engine import Database
from infra.database.migrate import upgrade
from tests.browser.pages import LAUNCH_ARGUMENTS, PATIENCE_MS
from tests.dashboard.day_seeding import seed_days
from tests.dashboard.seeding import seed
from tests.fixtures.blob_stores import blobs_at
from tests.fixtures.openid import CLIENT_ID, CLIENT_SECRET, Provider, address_of
from tests.fixtures.ports import free_ports

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 60


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        running = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGUMENTS)
        yield running
        running.close()


class RunningDashboard:
    """``python -m dashboard`` in a process of its own; all is away that no setting names."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port, away = free_ports(2)
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = home / "dashboard.log"
        environment = os.environ | {
            "DOUBLET_HOME": str(home),
            "DATABASE_URL": "",
            "BLOB_STORE": "",
            "DASHBOARD_PORT": str(self.port),
            "DASHBOARD_URL": self.address,
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{away}",
            "MODEL_SERVER": f"127.0.0.1:{away}",
            **settings,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashboard"], stdout=log, stderr=log, env=environment
            )

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"the dashboard did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="session")
def empty_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    """A dashboard whose database has tables and no rows."""
    yield from running_dashboard(tmp_path_factory.mktemp("empty"), rows=False)


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    """A dashboard with pictures in every state."""
    yield from running_dashboard(tmp_path_factory.mktemp("seeded"), rows=True)


@pytest.fixture
def guarded_dashboard(openid: Provider, tmp_path: Path) -> Iterator[RunningDashboard]:
    """A dashboard where visitors may look, and Anna operates."""
    yield from running_dashboard(
        tmp_path,
        rows=True,
        VISITORS="look",
        OPERATORS=f"{address_of('anna')}, {address_of('unverified')}",
        OIDC_METADATA_URL=openid.metadata_url,
        OIDC_CLIENT_ID=CLIENT_ID,
        OIDC_CLIENT_SECRET=CLIENT_SECRET,
        COOKIE_SECRET="the cookies of the tests are signed with this",
    )


def running_dashboard(home: Path, *, rows: bool, **settings: str) -> Iterator[RunningDashboard]:
    """With tables, and with pictures in every state where rows are wanted."""
    database = Database(f"sqlite:///{home / 'doublet.sqlite'}")
    upgrade(database)
    if rows:
        now = datetime.now(UTC)
        seed(database, blobs_at((home / "blobs").as_uri()), now, side=300)
        seed_days(database, now)
    database.close()
    running = RunningDashboard(home, **settings)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
