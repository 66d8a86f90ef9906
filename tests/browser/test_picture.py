"""The page of one picture in a real browser: divider, zoom, trust view, deep links."""

import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from infra.blobs import Blob
from infra.database.engine import Database
from infra.database.models import Image, ImageState, Result
from tests.browser.accessibility import serious_faults
from tests.browser.conftest import RunningDashboard
from tests.browser.pages import Comparison, window
from tests.fixtures.blob_stores import blobs_at

pytestmark = pytest.mark.browser

NEWEST = 1
"""Id of the newest picture that the seed makes; it is done."""
PICTURE = f"/pictures?picture={NEWEST}"


def test_the_divider_moves_by_keyboard(browser: Browser, dashboard: RunningDashboard) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(f"/pictures?picture={NEWEST}").comparison
        comparison.ready()
        divider = comparison.divider
        assert comparison.split == 50
        divider.focus()
        for key, split in (
            ("ArrowRight", 52),
            ("ArrowLeft", 50),
            ("Shift+ArrowLeft", 40),
            ("PageUp", 50),
            ("End", 100),
            ("ArrowRight", 100),
            ("Home", 0),
        ):
            divider.press(key)
            assert comparison.split == split, key
        assert divider.get_attribute("aria-valuetext") == "0 percent before"
        view.require_sound()


def test_the_divider_moves_by_mouse_and_uncovers_the_picture(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(f"/pictures?picture={NEWEST}").comparison
        comparison.ready()
        comparison.drag_to(0.2)
        assert comparison.split == pytest.approx(20, abs=1)
        covered = 100 - comparison.split
        clip = comparison.figure.locator(".layer.before").evaluate("layer => layer.style.clipPath")
        assert float(clip.split()[1].removesuffix("%")) == pytest.approx(covered, abs=1)
        view.require_sound()


def test_the_divider_moves_by_touch(browser: Browser, dashboard: RunningDashboard) -> None:
    with window(browser, dashboard.address, 390, "dark") as view:
        comparison = view.open(f"/pictures?picture={NEWEST}").comparison
        comparison.ready()
        comparison.swipe((0.2, 0.5), (0.75, 0.5))
        assert comparison.split == pytest.approx(75, abs=1)
        comparison.swipe((0.75, 0.5), (0.4, 0.9))  # taken by itself, it follows at once
        assert comparison.split == pytest.approx(40, abs=1)


def test_a_finger_that_scrolls_or_only_taps_leaves_the_divider_alone(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 390, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.swipe((0.2, 0.8), (0.2, 0.8))
        assert comparison.split == 50
        comparison.swipe((0.2, 0.9), (0.21, 0.2))
        assert comparison.split == 50


def test_the_finger_that_is_left_of_two_moves_the_picture(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 390, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.pinch(apart=3, then_move=(60, 0))
        expect(view.page).to_have_url(re.compile(r"at=0\.4\d+%2C0\.50"))
        assert comparison.split == 50


def test_a_tile_that_did_not_come_is_asked_for_again(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        tile = re.compile(r"/tiles/.*/\d+_\d+$")
        view.page.route(tile, lambda route: route.abort())
        figure = view.open(PICTURE).comparison.figure
        expect(figure.locator(".notice")).to_contain_text("A part of the picture did not come.")
        view.page.unroute(tile)
        view.comparison.ready()
        expect(figure.locator(".notice")).to_be_hidden()


def test_two_fingers_zoom_and_leave_the_divider_alone(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 390, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        fitted, split = comparison.zoom, comparison.split
        comparison.pinch(apart=3)
        comparison.ready()
        assert comparison.zoom == pytest.approx(3 * fitted, rel=0.05)
        comparison.pinch(apart=1 / 3)
        comparison.ready()
        assert comparison.zoom == pytest.approx(fitted, rel=0.05)
        assert comparison.split == split
        view.require_sound()


def test_zooming_shows_single_pixels_of_both_at_the_same_place(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    original, doubled, _ = _pixels(dashboard)
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        fitted = comparison.zoom
        comparison.figure.get_by_role("button", name="Pixels").click()
        comparison.ready()
        assert comparison.zoom == 400
        for across, down in ((0.5, 0.5), (0.3, 0.4), (0.62, 0.55)):
            (row, column), middle = _at(comparison, doubled, across, down, 4)
            assert comparison.pixel("after", *middle)[:3] == doubled[row, column].tolist()
            before = comparison.pixel("before", *middle)[:3]
            assert before == original[row // 2, column // 2].tolist()
        comparison.figure.get_by_role("button", name="Fit").click()
        comparison.ready()
        assert comparison.zoom == fitted
        view.require_sound()


def test_bicubic_can_stand_before(browser: Browser, dashboard: RunningDashboard) -> None:
    _, doubled, _ = _pixels(dashboard)  # the seed's result is bicubic
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.choose("Before", "Bicubic")
        comparison.figure.get_by_role("button", name="Pixels").click()
        comparison.ready()
        (row, column), middle = _at(comparison, doubled, 0.4, 0.5, 4)
        seen = np.array(comparison.pixel("before", *middle)[:3])
        # The seed halved nothing to JPEG's losses: its result was made before it was encoded.
        assert np.abs(seen - doubled[row, column]).max() <= 25
        expect(comparison.figure.locator(".tag-before")).to_have_text("Bicubic")
        view.require_sound()


def test_the_picture_moves_by_keyboard_when_it_is_zoomed(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.stage.focus()
        for _ in range(6):
            comparison.stage.press("+")
        comparison.ready()
        zoom = comparison.zoom
        assert zoom > 400
        comparison.stage.press("ArrowRight")
        comparison.ready()
        expect(view.page).to_have_url(re.compile(r"at=0\.5\d+%2C0\.50000"))
        comparison.stage.press("0")
        comparison.ready()
        assert comparison.zoom < zoom
        view.require_sound()


def test_what_the_model_guessed_can_be_hidden(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    *_, spread = _pixels(dashboard)
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.choose("Trust", "Hide what the model guessed")
        comparison.figure.get_by_role("button", name="Pixels").click()
        for threshold in (2, 6):
            comparison.threshold.fill(str(threshold))
            comparison.ready()
            share = 100 * np.mean(spread > threshold)
            expect(comparison.figure.locator(".over output")).to_have_text(
                f"{threshold / 4:.2f} grey levels: {share:.1f}% hidden"
            )
            for across, down in ((0.5, 0.5), (0.55, 0.4), (0.7, 0.6), (0.31, 0.33)):
                place, middle = _at(comparison, spread, across, down, 4)
                hidden = spread[place] > threshold
                assert (comparison.pixel("trust", *middle)[3] == 255) == hidden
        comparison.threshold.focus()
        comparison.threshold.press("ArrowRight")
        expect(comparison.threshold).to_have_attribute("aria-valuetext", re.compile(r"^1\.75 grey"))
        view.require_sound()


def test_the_heat_map_is_hotter_where_the_members_disagree(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    *_, spread = _pixels(dashboard)
    with window(browser, dashboard.address, 390, "dark") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.choose("Trust", "Heat map of the spread")
        comparison.figure.get_by_role("button", name="Pixels").click()
        comparison.ready()
        spots = [
            _at(comparison, spread, x, y, 4)
            for x in np.linspace(0.2, 0.8, 5).tolist()
            for y in np.linspace(0.2, 0.8, 5).tolist()
        ]
        seen = [
            (int(spread[place]), comparison.pixel("trust", *middle)[3]) for place, middle in spots
        ]
        assert len({value for value, _ in seen}) > 3
        in_order = [opacity for _, opacity in sorted(seen)]
        assert in_order == sorted(in_order)
        expect(comparison.figure.locator(".legend")).to_contain_text(" grey levels")
        view.require_sound()


def test_an_address_leads_to_the_same_pixels(browser: Browser, dashboard: RunningDashboard) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        comparison = view.open(PICTURE).comparison
        comparison.ready()
        comparison.choose("Before", "Bicubic")
        comparison.choose("Trust", "Hide what the model guessed")
        comparison.figure.get_by_role("button", name="Pixels").click()
        comparison.threshold.fill("7")
        comparison.drag_to(0.25)
        comparison.ready()
        expect(view.page).to_have_url(re.compile(r"#split=25&.*over=1\.75"))
        address = view.page.url
        seen = [comparison.pixel(side, 0.4, 0.6) for side in ("before", "after", "trust")]
    with window(browser, "", 1440, "light") as other:
        comparison = other.open(address).comparison
        comparison.ready()
        assert (comparison.split, comparison.zoom) == (25, 400)
        assert [comparison.pixel(side, 0.4, 0.6) for side in ("before", "after", "trust")] == seen
        other.require_sound()


def test_pictures_reach_the_browser_by_address_and_not_in_the_page(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with window(browser, dashboard.address, 1440, "light") as view:
        fetched: list[str] = []
        view.page.on("request", lambda request: fetched.append(request.url))
        view.open(PICTURE).comparison.ready()
        assert any("/tiles/" in address for address in fetched)
        assert view.page.locator('img[src^="data:"]').count() == 0
        with view.page.expect_download() as download:
            view.page.get_by_role("link", name="Doubled picture").click()
        assert download.value.suggested_filename == "The Veil Nebula-doubled.png"


def test_a_picture_whose_bytes_are_gone_says_so_in_its_frame(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    database = Database(f"sqlite:///{dashboard.home / 'doublet.sqlite'}")
    with database.transaction() as session:
        image = session.scalars(select(Image).where(Image.state == ImageState.SKIPPED)).one()
        there, image.sha256 = image.sha256, "0" * 64
    with window(browser, dashboard.address, 1440, "light") as view:
        view.open(f"/pictures?picture={image.id}")
        expect(view.comparison.figure.locator(".notice")).to_contain_text("the blob store holds no")
        expect(view.page.get_by_test_id("stException")).to_have_count(0)
    with database.transaction() as session:  # other tests look at the same dashboard
        session.get_one(Image, image.id).sha256 = there
    database.close()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_has_no_serious_fault_of_accessibility(
    browser: Browser, dashboard: RunningDashboard, width: int, scheme: str
) -> None:
    with window(browser, dashboard.address, width, scheme) as view:
        view.open(PICTURE).comparison.ready()
        view.comparison.choose("Trust", "Hide what the model guessed")
        assert serious_faults(view.page) == []
        view.open("/pictures?state=dead").open_picture("torn-in-half.jpg")
        assert serious_faults(view.page) == []
        view.open("/submit")
        assert serious_faults(view.page) == []


def _pixels(
    dashboard: RunningDashboard,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """The newest picture as it came, doubled, and its spread."""
    database = Database(f"sqlite:///{dashboard.home / 'doublet.sqlite'}")
    with database.reading() as session:
        result = session.scalars(select(Result).where(Result.image_id == NEWEST)).one()
        hashes = (result.image.sha256, result.sha256, result.spread_sha256)
    database.close()
    blobs = blobs_at((dashboard.home / "blobs").as_uri())
    original, doubled, spread = (
        np.asarray(Pillow.open(io.BytesIO(blobs.get(Blob(sha256 or ""))))) for sha256 in hashes
    )
    return original, doubled, spread


def _at(
    comparison: Comparison, doubled: NDArray[np.uint8], across: float, down: float, scale: int
) -> tuple[tuple[int, int], tuple[float, float]]:
    """The doubled picture's pixel there, zoomed about its middle, and where its own middle lies.

    Returns:
        Row and column; and fractions of the frame, across and down. The picture begins at a whole
        pixel of the screen, the next one where rounding wants it so: a pixel's middle is in it
        either way.
    """
    size = comparison.figure.locator(".layer.after canvas").evaluate(
        "canvas => [canvas.height, canvas.width]"
    )
    begins = [(n - scale * m) // 2 for n, m in zip(size, doubled.shape[:2], strict=True)]
    row, column = (
        int((share * length - begin) // scale)
        for share, length, begin in zip((down, across), size, begins, strict=True)
    )
    middle_down, middle_across = (
        (begin + scale * (index + 0.5)) / length
        for index, length, begin in zip((row, column), size, begins, strict=True)
    )
    return (row, column), (middle_across, middle_down)
