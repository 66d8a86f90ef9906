"""The addresses under which a browser finds previews and downloads."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy import select
from starlette.applications import Starlette

from dashboard import files
from dashboard.previews import NoPreview, enlarged, thumbnail
from infra.blobs import Blob, BlobStore, open_blob_store
from infra.database.engine import Database
from infra.database.models import Image, ImageState, Result
from infra.settings import Settings
from tests.dashboard.seeding import Seed, encoded, starfield
from tests.fixtures.blob_stores import blobs_at

Fetch = Callable[[str], httpx.Response]


@pytest.fixture
def blobs(away: Settings) -> BlobStore:
    """The blob store of `away`."""
    return open_blob_store(away)


@pytest.fixture
def fetch(away: Settings) -> Fetch:
    """Fetches addresses from the dashboard's routes, as a browser would."""
    return fetching


def fetching(address: str) -> httpx.Response:
    """What the dashboard's routes answer under the present settings."""
    transport = httpx.ASGITransport(app=Starlette(routes=files.ROUTES))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client:
            return await client.get(address)

    # In a thread: Playwright keeps an event loop in ours once a browser test has run.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, get()).result()


def test_a_preview_is_twice_as_large_but_fits_and_may_be_kept(
    fetch: Fetch, blobs: BlobStore
) -> None:
    sky = starfield(np.random.default_rng(1), 2100, 60)
    large, small = (
        blobs.put(encoded(sky, "PNG")),
        blobs.put(encoded(sky.crop((0, 0, 90, 60)), "PNG")),
    )
    answer = fetch(files.preview_address(large.sha256))
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert _opened(answer.content).size == (1024, 29)
    answer = fetch(files.preview_address(small.sha256))
    assert _opened(answer.content).size == (180, 120)


def test_a_picture_tells_of_its_tiles_and_they_may_be_kept(fetch: Fetch, blobs: BlobStore) -> None:
    sky = starfield(np.random.default_rng(1), 600, 60)
    stored = blobs.put(encoded(sky, "PNG")).sha256
    about = fetch(files.tiles_address(stored)).json()
    assert (about["width"], about["height"], about["levels"], about["side"]) == (600, 60, 2, 512)
    answer = fetch(f"{files.tiles_address(stored)}/0/1_0")
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert _opened(answer.content).size == (88, 60)
    answer = fetch(f"{files.bicubic_address(stored)}/2_0")
    assert _opened(answer.content).size == (176, 120)


def test_a_thumbnail_has_the_cards_size(fetch: Fetch, blobs: BlobStore) -> None:
    sky = blobs.put(encoded(starfield(np.random.default_rng(1), 700, 90), "JPEG"))
    answer = fetch(files.thumbnail_address(sky.sha256))
    assert _opened(answer.content).size == files.CARD


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (files.preview_address("0" * 64), 404),
        (files.preview_address("not-a-hash"), 404),
        (files.tiles_address("0" * 64), 404),
        (files.tiles_address("0" * 64) + "/0/0_0", 404),
        (files.bicubic_address("0" * 64) + "/0_0", 404),
        (files.thumbnail_address("0" * 64), 404),
        (files.result_address(10**40), 404),
        (files.original_address(7), 404),
    ],
)
def test_what_is_not_there_is_not_found(
    fetch: Fetch, sqlite: Database, address: str, status: int
) -> None:
    answer = fetch(address)
    assert answer.status_code == status
    assert "\n" not in answer.text


def test_bytes_that_are_no_picture_have_no_preview(fetch: Fetch, blobs: BlobStore) -> None:
    stored = blobs.put(b"<html><script>alert(1)</script>")
    answer = fetch(files.preview_address(stored.sha256))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert ">no preview<" in answer.text
    assert fetch(files.thumbnail_address(stored.sha256)).status_code == 415


def test_downloads_are_the_stored_bytes_and_never_run_as_a_page(
    fetch: Fetch, seeded: Seed, sqlite: Database, blobs: BlobStore
) -> None:
    with sqlite.transaction() as session:
        image = session.get_one(Image, seeded.pictures[ImageState.DONE])
        image.name, image.media_type = "Mond über Köln.html", "text/html"
        result = session.scalars(select(Result).where(Result.image_id == image.id)).one()
    answer = fetch(files.original_address(image.id))
    assert answer.content == blobs.get(Blob(image.sha256 or ""))
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "Mond%20%C3%BCber%20K%C3%B6ln.html" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    answer = fetch(files.result_address(result.id))
    assert answer.content == blobs.get(Blob(result.sha256))
    assert answer.headers["content-type"] == "image/png"


def test_without_the_blob_store_it_is_unavailable(
    fetch: Fetch, blobs: BlobStore, away: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(away.blobs.removeprefix("file://"))
    monkeypatch.setattr(files, "blob_store", lambda: blobs_at("file:///proc/no/such/store"))
    assert fetch(files.thumbnail_address("1" * 64)).status_code == 503
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("mode", "format", "media_type"),
    [
        ("RGB", "TIFF", "image/jpeg"),
        ("L", "PNG", "image/jpeg"),
        ("LA", "PNG", "image/webp"),
        ("RGBA", "PNG", "image/webp"),
        ("CMYK", "JPEG", "image/jpeg"),
        ("P", "GIF", "image/jpeg"),
        ("1", "PNG", "image/jpeg"),
        ("I;16", "PNG", "image/jpeg"),
    ],
)
def test_every_kind_of_picture_becomes_one_that_a_browser_knows(
    mode: str, format: str, media_type: str
) -> None:
    content = io.BytesIO()
    Picture.linear_gradient("L").convert("I;16" if mode == "I;16" else mode).save(content, format)
    preview = enlarged(content.getvalue(), 100, 10**6)
    assert preview.media_type == media_type
    assert _opened(preview.content).size == (100, 100)


def test_sixteen_bits_keep_their_brightness() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).repeat(4).reshape(16, 64)
    content = encoded(Picture.fromarray(ramp), "PNG")
    seen = np.asarray(_opened(enlarged(content, 64, 10**6).content))
    assert np.abs(seen.astype(int) - (ramp // 257)).max() <= 4


def test_a_photograph_is_turned_upright() -> None:
    exif = Picture.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    content = io.BytesIO()
    starfield(np.random.default_rng(3), 80, 40).save(content, "JPEG", exif=exif)
    assert _opened(enlarged(content.getvalue(), 80, 10**6).content).size == (40, 80)
    assert _opened(thumbnail(content.getvalue(), 32, 24, 10**6).content).size == (32, 24)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    content = encoded(Picture.new("1", (3000, 3000)), "PNG")
    with pytest.raises(NoPreview, match="too many"):
        enlarged(content, 100, 3000 * 3000 - 1)


def _opened(content: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(content))
