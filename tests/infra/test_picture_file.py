"""A header costs its bytes and no more, whoever reads it."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from consumers.sizing import Size, size_of
from dashboard.previews import NoPreview, enlarged
from infra.admission import BadPicture, Limits
from infra.events.reasons import Reason
from infra.picture_file import opened
from infra.settings import MEBIBYTE
from producers.sniffing import sniff
from tests.consumers.memory import peak_bytes
from tests.fixtures import bombs

LIMITS = Limits(max_bytes=MEBIBYTE, max_pixels=100_000_000, max_side=30_000)
BOMBS = {
    "a background of 169 megapixels": bombs.gif(13_000, 13_000),
    "a background of 900 megapixels": bombs.gif(30_000, 30_000),
    "900 megapixels promised": bombs.png(30_000, 30_000),
}


def sizes(content: bytes) -> None:
    assert size_of(content, LIMITS.max_pixels) == Size(0, len(content))


def sniffs(content: bytes) -> None:
    with pytest.raises(BadPicture) as refusal:
        sniff(content, LIMITS)
    assert refusal.value.reason == Reason.TOO_MANY_PIXELS


def shows(content: bytes) -> None:
    with pytest.raises(NoPreview):
        enlarged(content, 100, LIMITS.max_pixels)


@pytest.mark.parametrize("read", [sizes, sniffs, shows])
@pytest.mark.parametrize("bomb", BOMBS)
def test_whoever_reads_a_bomb_allocates_nothing_for_it(
    read: Callable[[bytes], None], bomb: str
) -> None:
    before = peak_bytes()
    read(BOMBS[bomb])
    assert peak_bytes() - before < 50 * MEBIBYTE


def test_a_picture_at_the_limit_is_opened_and_pillows_own_limit_stays() -> None:
    pillows_own = Image.MAX_IMAGE_PIXELS
    with opened(io.BytesIO(bombs.png(30_000, 30_000)), 900_000_000) as image:
        assert image.size == (30_000, 30_000)
    with pytest.raises(BadPicture, match="MAX_PICTURE_PIXELS"):
        opened(io.BytesIO(bombs.png(11, 10)), 100)
    assert pillows_own == Image.MAX_IMAGE_PIXELS
