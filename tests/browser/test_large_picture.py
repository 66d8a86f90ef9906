"""A result of 100 megapixels in the comparison, down to its single pixels."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from playwright.sync_api import Browser, expect

from infra.blobs import Blob, BlobStore
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Image, ImageState, Lane, Result
from tests.browser.conftest import RunningDashboard, running_dashboard
from tests.browser.pages import window
from tests.dashboard.seeding import STAGE_COLUMNS, encoded
from tests.fixtures.blob_stores import blobs_at

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

SIDE = 10_000
CUTTING_MS = 300_000
"""Three pyramids are cut at first sight: seconds, on a machine that does nothing else."""


def squares(side: int, square: int) -> NDArray[np.uint8]:
    """Squares whose red and green count columns and rows, [side, side, 3]."""
    number = (np.arange(side) // square % 256).astype(np.uint8)
    picture = np.empty((side, side, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = number, number[:, None], 90
    return picture


def stored(blobs: BlobStore, pixels: NDArray[np.uint8]) -> Blob:
    return blobs.put(encoded(Pillow.fromarray(pixels), "PNG"))


@pytest.fixture
def large_dashboard(tmp_path: Path) -> Iterator[RunningDashboard]:
    """A dashboard with one picture."""
    blobs = blobs_at((tmp_path / "blobs").as_uri())
    database = Database(f"sqlite:///{tmp_path / 'doublet.sqlite'}")
    upgrade(database)
    original = stored(blobs, squares(SIDE // 2, 1))
    doubled = stored(blobs, squares(SIDE, 2))
    spread = stored(blobs, squares(SIDE, 50)[..., 0])
    now = datetime.now(UTC)
    with database.transaction() as session:
        image = Image(
            source="doublet:uploads", event_id="large", lane=Lane.UPLOAD, name="large.png",
            sha256=original.sha256, media_type="image/png", width=SIDE // 2, height=SIDE // 2,
            state=ImageState.DONE, attempts=1, sent_at=now, received_at=now, settled_at=now,
        )  # fmt: skip
        session.add(image)
        session.flush()
        session.add(
            Result(
                image_id=image.id, model="doublet", version=1, sha256=doubled.sha256, bytes=1,
                width=SIDE, height=SIDE, spread_sha256=spread.sha256, mean_spread=1.0,
                tiles=1, stored_at=now, **dict.fromkeys(STAGE_COLUMNS, 1.0),
            )
        )  # fmt: skip
    database.close()
    yield from running_dashboard(tmp_path, rows=False)


def test_a_hundred_megapixels_are_looked_at_pixel_by_pixel(
    browser: Browser, large_dashboard: RunningDashboard
) -> None:
    with window(browser, large_dashboard.address, 1440, "light") as view:
        comparison = view.open("/pictures?picture=1").comparison
        expect(comparison.figure).to_have_attribute("data-drawn", "yes", timeout=CUTTING_MS)
        for place in ((0.1234, 0.9876), (0.75003, 0.25009)):
            across, down = place
            view.open("/")
            view.open(f"/pictures?picture=1#split=50&zoom=8&at={across},{down}")
            comparison.ready()
            column, row = int(across * SIDE) // 2, int(down * SIDE) // 2
            centre = comparison.pixel("after", 0.5, 0.5)
            assert centre[:3] == [column % 256, row % 256, 90]
            assert comparison.pixel("before", 0.5, 0.5) == centre
        view.require_sound()
