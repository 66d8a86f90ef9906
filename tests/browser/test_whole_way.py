"""The main job in one go, as a visitor sees it: from the file on the page to before and after."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.pages import window
from tests.fixtures.stacks import RunningStack

DOUBLING_MS = 120_000.0
"""How long a small picture may take on a machine that does other things as well."""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_picture_goes_from_upload_to_done(
    browser: Browser, stack: RunningStack, tmp_path: Path
) -> None:
    picture = tmp_path / "noise.png"
    pixels = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    torn = tmp_path / "torn.png"
    torn.write_bytes(picture.read_bytes()[:20_000])
    stack.start("--no-first-picture")
    with window(browser, stack.address, 1440, "light") as dashboard:
        dashboard.open("/submit")
        dashboard.submit(picture, torn)
        dashboard.follow("torn.png", "undecodable", DOUBLING_MS)
        done = dashboard.follow("noise.png", "done", DOUBLING_MS)
        done.get_by_role("link").first.click()
        expect(dashboard.page.get_by_role("heading", level=2, name="noise.png")).to_be_visible()
        dashboard.comparison.ready()
        expect(dashboard.page.get_by_text(re.compile("240 . 180")).first).to_be_visible()
        dashboard.go_to("Now")
        expect(dashboard.page.get_by_text("balanced")).to_be_visible()
        dashboard.require_sound()
    total = json.loads(stack.run("books", "--json").stdout)["total"]
    assert (total["accepted"], total["done"], total["dead"]) == (2, 1, 1)
