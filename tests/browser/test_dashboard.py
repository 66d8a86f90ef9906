"""The pages in a real browser, wide and narrow, light and dark, full and empty."""

import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Part, PartState
from tests.browser.accessibility import serious_faults
from tests.browser.conftest import RunningDashboard
from tests.browser.pages import window
from tests.dashboard.seeding import encoded, starfield

pytestmark = pytest.mark.browser

LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
NEWEST = 1
"""Id of the newest picture that the seed makes; it is done."""


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_sound(
    browser: Browser, dashboard: RunningDashboard, width: int, scheme: str
) -> None:
    with window(browser, dashboard.address, width, scheme) as view:
        view.open("/")
        expect(view.page.get_by_text("Latency by stage")).to_be_visible()
        for title in ("Pictures", "APOD", "Submit", "Now"):
            view.go_to(title)
            assert view.fits(), title
            assert serious_faults(view.page) == [], title
        view.open(f"/pictures?picture={NEWEST}")
        view.comparison.ready()
        assert view.fits()
        view.require_sound()


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_sound_when_nothing_has_come_yet(
    browser: Browser, empty_dashboard: RunningDashboard, width: int
) -> None:
    with window(browser, empty_dashboard.address, width, "light") as view:
        view.open("/")
        expect(view.page.get_by_text("Nothing was doubled in this window.")).to_be_visible()
        view.go_to("Pictures")
        expect(view.page.get_by_text("No picture has come yet.")).to_be_visible()
        view.go_to("APOD")
        expect(view.page.get_by_text("No day was doubled yet.")).to_be_visible()
        assert serious_faults(view.page) == []
        view.go_to("Submit")
        view.require_sound()


def test_a_deep_link_in_a_fresh_server_leads_to_its_page(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        view.open("/pictures?state=dead")
        expect(view.page.get_by_text("1 picture", exact=True)).to_be_visible()
        view.open_picture("torn-in-half.jpg")
        expect(view.page.get_by_text("Not doubled: undecodable")).to_be_visible()
        expect(view.page).to_have_url(re.compile(r"/pictures\?picture=\d+$"))
        view.page.reload()
        expect(view.page.get_by_text("Not doubled: undecodable")).to_be_visible()
        view.page.get_by_role("button", name="All pictures").click()
        expect(view.page.get_by_text("12 pictures")).to_be_visible()
        expect(view.page).to_have_url(f"{dashboard.address}/pictures")
        view.page.go_back()
        expect(view.page.get_by_text("Not doubled: undecodable")).to_be_visible()
        view.require_sound()


def test_a_file_is_kept_for_another_try_while_kafka_is_away(
    browser: Browser, dashboard: RunningDashboard, tmp_path: Path
) -> None:
    moon = tmp_path / "moon.jpg"
    moon.write_bytes(encoded(starfield(np.random.default_rng(5), 60, 40), "JPEG"))
    with window(browser, dashboard.address, 1440, "light") as view:
        view.open("/submit")
        expect(view.page.get_by_text("120 megapixels")).to_be_visible()
        view.submit(moon)
        expect(view.page.get_by_text("moon.jpg is not handed in")).to_be_visible()
        expect(view.page.get_by_role("button", name="Try again")).to_be_visible()
        view.require_sound()


def test_the_dashboard_ends_quickly_while_somebody_looks(browser: Browser, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'doublet.sqlite'}")
    upgrade(database)
    running = RunningDashboard(tmp_path)
    running.wait()
    with window(browser, running.address, 1440, "light") as view:
        view.open("/")
        asked = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(30)
        ended = time.monotonic() - asked
    assert running.process.returncode in (0, -signal.SIGTERM), running.log.read_text()
    assert ended < 10, f"{ended:.1f} s"
    with database.reading() as session:
        assert session.get_one(Part, "dashboard").state is PartState.STOPPED
    database.close()


def test_the_calendar_is_clicked_through(browser: Browser, dashboard: RunningDashboard) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        view.open("/apod")
        years = view.page.get_by_label("Days of each year by what became of them")
        years.locator(".mark-rect path").first.click()
        sheet = view.page.get_by_label("The days of 1995, coloured by what became of them")
        sheet.locator(".mark-rect path").first.click()
        expect(view.page.get_by_text("Nobody asked for this day yet")).to_be_visible()
        expect(view.page).to_have_url(re.compile("year=1995.*day=1995-06-16"))
        view.require_sound()
