"""Takes the README's pictures of a running dashboard.

    python scripts/screenshots.py http://127.0.0.1:8501 docs/images

Needs Chromium, and a dashboard that has doubled something.
"""

import argparse
import shutil
import sys
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}
PATIENCE_MS = 60_000
COLOURS = 256
"""Of a kept picture: a third of the bytes, and hardly seen."""


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description="Take the README's pictures.")
    parser.add_argument("address", help="of the dashboard, such as http://127.0.0.1:8501")
    parser.add_argument("folder", type=Path, help="to put the pictures in")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(browser, wanted.address.rstrip("/"), wanted.folder)
        browser.close()


def take(browser: Browser, address: str, folder: Path) -> None:
    """The pages, two of them as a phone shows them; and the newest doubled picture."""
    for name, path, scheme, size in (
        ("now", "/", "light", WIDE),
        ("now-phone", "/", "dark", NARROW),
        ("trouble", "/trouble", "light", WIDE),
        ("models", "/models", "dark", WIDE),
    ):
        shoot(open_page(browser, address + path, scheme, size), folder / f"{name}.png")
    newest = newest_doubled(browser, address)
    for name, view, scheme, size in (
        ("picture", "zoom=2&at=0.5,0.5", "dark", WIDE),
        ("picture-trust", "split=0&trust=heat", "light", WIDE),
        ("picture-phone", "split=40", "light", NARROW),
    ):
        page = open_page(browser, f"{newest}#{view}", scheme, size)
        expect(page.locator('figure.comparison[data-drawn="yes"]')).to_be_visible()
        shoot(page, folder / f"{name}.png")


def newest_doubled(browser: Browser, address: str) -> str:
    """The address of its page."""
    page = open_page(browser, f"{address}/pictures?state=done", "light", WIDE)
    link = page.locator('[data-testid="stPageLink"] a').first.get_attribute("href")
    page.close()
    return urljoin(f"{address}/", link or "")


def open_page(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> Page:
    """Open a page and wait until its script has ended."""
    page = browser.new_page(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


def shoot(page: Page, file: Path) -> None:
    """Keep what the window shows, once it has stopped moving."""
    expect(page.locator('[data-test-script-state="running"]')).to_have_count(0)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(1_500)  # charts fade in
    page.screenshot(path=str(file))
    page.close()
    with Image.open(file) as taken:
        small = taken.convert("RGB").quantize(COLOURS)
    small.save(file, optimize=True)
    print(file)  # noqa: T201  (it is a script)


if __name__ == "__main__":
    main()
