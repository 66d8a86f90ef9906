"""Pictures written band by band are read back, pixel by pixel, by somebody else's reader."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from consumers.png import PngWriter


@settings(deadline=None)  # a busy machine is no fault of the writer's
@given(
    width=st.integers(1, 40),
    heights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    channels=st.sampled_from([1, 2, 3, 4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_pillow_reads_what_was_written(
    width: int, heights: list[int], channels: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(
        0, 256, (sum(heights), width, channels), dtype=np.uint8
    )
    file = io.BytesIO()
    with PngWriter(file, width, sum(heights), channels) as writer:
        for band in np.split(pixels, np.cumsum(heights)[:-1]):
            writer.write(band)
    with Image.open(io.BytesIO(file.getvalue())) as image:
        assert image.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        read = np.asarray(image).reshape(pixels.shape)
    np.testing.assert_array_equal(read, pixels)


def test_the_colour_profile_is_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    with PngWriter(file, 2, 1, 3, profile) as writer:
        writer.write(np.zeros((1, 2, 3), np.uint8))
    with Image.open(io.BytesIO(file.getvalue())) as image:
        assert image.info["icc_profile"] == profile


def test_missing_rows_are_a_fault() -> None:
    writer = PngWriter(io.BytesIO(), 2, 2, 1)
    writer.write(np.zeros((1, 2, 1), np.uint8))
    with pytest.raises(ValueError, match="1 rows are missing"), writer:
        pass
