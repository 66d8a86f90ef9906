"""The original web page's tiling, with doubling functions whose seams are known."""

import numpy as np
import pytest

from training.features.degradation import Picture
from training.original.tiling import MIDDLE, TILE, mended, plain


def nearest(tile: Picture) -> Picture:
    return tile.repeat(2, 0).repeat(2, 1)


def framed(tile: Picture) -> Picture:
    """Black near the tile's own edges: what a seam would be made of."""
    doubled = nearest(tile)
    frame = np.zeros_like(doubled)
    inside = slice(8, -8)
    frame[inside, inside] = doubled[inside, inside]
    return frame


@pytest.mark.parametrize("shape", [(128, 128), (300, 200), (1, 130), (257, 5)])
def test_what_sees_no_neighbours_is_doubled_as_it_is(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    assert (plain(nearest, picture) == nearest(picture)).all()
    assert (mended(nearest, picture) == nearest(picture)).all()


def test_seams_between_tiles_are_hidden_and_those_at_the_border_are_not() -> None:
    white = np.full((3 * TILE, 2 * TILE, 3), 255, np.uint8)
    assert (plain(framed, white)[2 * TILE] == 0).all()
    whole = mended(framed, white)
    assert (whole[8:-8, 8:-8] == 255).all()
    assert (whole[:8] == 0).all()


def test_nearly_every_pixel_is_predicted_four_times() -> None:
    tiles = []

    def counted(tile: Picture) -> Picture:
        tiles.append(tile.shape)
        return nearest(tile)

    mended(counted, np.zeros((4 * TILE, 3 * TILE, 3), np.uint8))
    assert len(tiles) == (2 * 4 - 1) * (2 * 3 - 1)
    assert set(tiles) == {(TILE, TILE, 3)}
    assert MIDDLE < TILE
