"""The dashboard's pages as a person uses them: what browser tests say instead of selectors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Locator, Page, expect

LAUNCH_ARGUMENTS = [
    "--no-sandbox",  # containers run tests as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Place = tuple[int, float, float]
"""A finger's number, and where it is."""

PATIENCE_MS = 30_000
"""How long a page may take on a busy machine before it counts as broken."""

BASE_PATH_GUESSES = ("/_stcore/health", "/_stcore/host-config")
"""Opened by a deep link, Streamlit's client first tries whether the page's own path is the base
path of the server, and Chromium reports the 404 as an error; the next guess is right."""


class Dashboard:
    """One browser window on the dashboard; notes everything that the console calls an error."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: str = "/") -> "Dashboard":
        """Open a page by its address, and wait until its script has ended."""
        self.page.goto(self.address + path)
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the page has a heading and its script is not running."""
        expect(self.page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.locator('[data-test-script-state="running"]')).to_have_count(
            0, timeout=PATIENCE_MS
        )

    def go_to(self, title: str) -> None:
        """Follow the navigation; on a narrow screen it is unfolded first."""
        unfold = self.page.get_by_test_id("stExpandSidebarButton")
        if unfold.is_visible():
            unfold.click()
        self.page.get_by_role("link", name=title, exact=True).first.click()
        expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible()
        self.settle()

    def require_sound(self) -> None:
        """Neither an exception on the page nor an error in the console."""
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        assert not self.errors, self.errors

    def fits(self) -> bool:
        """Whether nothing makes the page wider than the window."""
        fits: bool = self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        return fits

    def open_picture(self, name: str) -> None:
        """Follow a card of the list."""
        self.page.get_by_role("link", name=name).first.click()
        expect(self.page.get_by_role("heading", level=2, name=name)).to_be_visible()
        self.settle()

    def submit(self, *files: Path) -> None:
        """Drop files on the page Submit, which must be open."""
        self.page.locator('input[type="file"]').set_input_files([str(file) for file in files])

    def follow(self, name: str, until: str, timeout_ms: float = PATIENCE_MS) -> Locator:
        """Wait on the page Submit until a file's line says ``until``; answers its box."""
        box = self.page.locator('[class*="st-key-file-"]').filter(has_text=name)
        expect(box).to_contain_text(until, timeout=timeout_ms)
        return box

    @property
    def comparison(self) -> "Comparison":
        """Before and after, on the page of one picture."""
        return Comparison(self.page.locator("figure.comparison"))

    def _note(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        if message.type == "error" and not address.endswith(BASE_PATH_GUESSES):
            self.errors.append(f"{message.text} ({address})")


class Comparison:
    """The component with the divider."""

    def __init__(self, figure: Locator) -> None:
        self.figure = figure
        self.divider = figure.locator(".divider")
        self.stage = figure.locator(".stage")
        self.threshold = figure.locator(".over input")

    def ready(self) -> None:
        """Wait until everything in view was drawn, from tiles of the right level."""
        expect(self.figure).to_have_attribute("data-drawn", "yes")

    def choose(self, label: str, option: str) -> None:
        """Choose what stands before, or the trust view, and wait until it was drawn."""
        self.figure.get_by_role("combobox", name=label, exact=True).select_option(label=option)
        self.ready()

    def pixel(self, side: str, across: float, down: float) -> list[int]:
        """Red, green, blue and opacity that a layer (before, after, trust) shows at a place.

        Args:
            across, down: fractions of the frame.
        """
        colour: list[int] = self.figure.locator(f".layer.{side} canvas").evaluate(
            """(canvas, [across, down]) => {
                 const [left, top] = [across * canvas.width, down * canvas.height].map(Math.floor)
                 return [...canvas.getContext("2d").getImageData(left, top, 1, 1).data]
               }""",
            [across, down],
        )
        return colour

    @property
    def split(self) -> int:
        """Per cent of the frame that show the picture before."""
        return int(self.divider.get_attribute("aria-valuenow") or -1)

    @property
    def zoom(self) -> int:
        """Screen pixels for a pixel of the result, per cent."""
        return int(self.figure.locator(".level").inner_text().removesuffix("%"))

    def pinch(self, apart: float, then_move: tuple[float, float] | None = None) -> None:
        """Put two fingers down in the middle and draw them apart to so many times the distance.

        Args:
            then_move: the first finger, by so many CSS pixels, after the other one was lifted.
        """
        frame = self.stage.bounding_box()
        assert frame
        left, top = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
        reach = frame["width"] / 10
        fingers = self.figure.page.context.new_cdp_session(self.figure.page)

        def both(distance: float) -> list[Place]:
            return [(0, left - distance, top), (1, left + distance, top)]

        _touch(fingers, "touchStart", both(reach))
        for step in range(1, 9):
            _touch(fingers, "touchMove", both(reach * (1 + (apart - 1) * step / 8)))
        if then_move:
            stays, lifted = both(reach * apart)
            _touch(fingers, "touchEnd", [lifted])
            for step in range(1, 9):
                right, down = (step / 8 * way for way in then_move)
                _touch(fingers, "touchMove", [(0, stays[1] + right, stays[2] + down)])
        _touch(fingers, "touchEnd", [])
        fingers.detach()

    def swipe(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw one finger from place to place, in fractions of the frame."""
        frame = self.stage.bounding_box()
        assert frame
        finger = self.figure.page.context.new_cdp_session(self.figure.page)
        for step in range(9):
            across, down = (a + (b - a) * step / 8 for a, b in zip(begin, end, strict=True))
            left, top = frame["x"] + across * frame["width"], frame["y"] + down * frame["height"]
            _touch(finger, "touchMove" if step else "touchStart", [(0, left, top)])
        _touch(finger, "touchEnd", [])
        finger.detach()

    def drag_to(self, share: float) -> None:
        """Drag the divider by mouse to this share of the frame's width."""
        frame = self.stage.bounding_box()
        grip = self.divider.bounding_box()
        assert frame
        assert grip
        mouse = self.figure.page.mouse
        mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        mouse.down()
        mouse.move(frame["x"] + share * frame["width"], frame["y"] + 20, steps=5)
        mouse.up()


def _touch(session: CDPSession, kind: str, places: list[Place]) -> None:
    points = [{"x": x, "y": y, "id": finger} for finger, x, y in places]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@contextmanager
def window(browser: Browser, address: str, width: int, scheme: str) -> Iterator[Dashboard]:
    """A window of this width in the light or the dark theme; a narrow one has touch."""
    narrow = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": 844 if narrow else 900},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=narrow,
    )
    try:
        yield Dashboard(context.new_page(), address)
    finally:
        context.close()
