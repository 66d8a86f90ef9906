"""Tiled equals untiled, for every size that is awkward."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from consumers.tiling import TilePlan, TileTooSmall, Tiling

RADIUS = 3


def blur_and_double(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A model that sees exactly RADIUS pixels far, and continues a tile by black."""
    padded = np.pad(tiles.astype(np.int64), ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    height, width = tiles.shape[1:3]
    window = range(2 * RADIUS + 1)
    # Odd weights: a pixel that is shifted or swapped changes the sum.
    total = np.zeros_like(tiles, dtype=np.int64)
    for row in window:
        for column in window:
            shifted = padded[:, row : row + height, column : column + width]
            total += (1 + 3 * row + 7 * column) * shifted
    return (total % 251).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)


def untiled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture at once, continued by reflection."""
    padded = np.pad(pixels, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    return blur_and_double(padded[np.newaxis])[
        0, 2 * RADIUS : -2 * RADIUS, 2 * RADIUS : -2 * RADIUS
    ]


def tiled(pixels: NDArray[np.uint8], tiling: Tiling) -> NDArray[np.uint8]:
    plan = TilePlan(pixels, tiling)
    bands = []
    for band in plan.bands():
        onto = np.full((2 * band.height, 2 * pixels.shape[1], 3), 255, np.uint8)
        plan.place(blur_and_double(plan.cut(band, band.tiles)), band, band.tiles, onto)
        bands.append(onto)
    return np.concatenate(bands)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (1, 500), (500, 1), (2, 3), (26, 26), (27, 26), (26, 27), (52, 53), (97, 101)],
)
def test_the_join_equals_the_whole_picture_at_once(height: int, width: int) -> None:
    pixels = noise(height, width)
    tiling = Tiling.for_model(32, RADIUS, 1)
    assert tiling.core == 26
    np.testing.assert_array_equal(tiled(pixels, tiling), untiled(pixels))


@settings(deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    side=st.integers(2 * RADIUS + 1, 40),
    wider=st.integers(0, 2),
)
def test_it_does_so_for_every_size_and_every_halo_that_is_wide_enough(
    height: int, width: int, side: int, wider: int
) -> None:
    pixels = noise(height, width)
    tiling = Tiling.for_model(side + 2 * wider, RADIUS + wider, 1)
    np.testing.assert_array_equal(tiled(pixels, tiling), untiled(pixels))


def test_a_halo_that_is_too_narrow_shows_a_seam() -> None:
    """The test above can fail."""
    pixels = noise(64, 64)
    narrow = Tiling(side=32, halo=RADIUS - 1)
    assert (tiled(pixels, narrow) != untiled(pixels)).any()


@pytest.mark.parametrize(("radius", "stride"), [(9, 1), (9, 4), (318, 64), (1, 64)])
def test_halo_core_and_side_are_aligned_to_the_stride(radius: int, stride: int) -> None:
    tiling = Tiling.for_model(1000, radius, stride)
    assert tiling.halo >= radius
    assert tiling.halo % stride == tiling.core % stride == tiling.side % stride == 0


def test_a_tile_without_a_core_is_refused_with_the_setting_to_change() -> None:
    with pytest.raises(TileTooSmall, match="TILE_SIDE"):
        Tiling.for_model(64, radius=32, stride=1)


def test_the_number_of_tiles_is_known_before() -> None:
    plan = TilePlan(noise(53, 27), Tiling.for_model(32, RADIUS, 1))
    assert len(plan) == sum(len(band.tiles) for band in plan.bands()) == 3 * 2
