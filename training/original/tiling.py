"""The original web page's tiling: predict tiles, then predict again what lies across their edges.

Its network saw further than a tile, so tiles met in visible seams. The page hid them: it predicted
tiles that lie across every vertical edge, every horizontal edge and every crossing of the two, and
pasted the middles of these over the seams. Nearly every pixel is predicted four times.
"""

from collections.abc import Callable, Iterator

import numpy as np

from serving.contract import SCALE
from training.features.degradation import Picture

TILE = 128
"""Side of a tile, in input pixels."""

MIDDLE = TILE // 2
"""Side of what is pasted of a tile across an edge. The page's own width is not recorded; the half
is furthest from its tile's edges and from those that it hides."""

Double = Callable[[Picture], Picture]
"""One tile, uint8 [h, w, 3], to [2h, 2w, 3]."""


def plain(double: Double, picture: Picture) -> Picture:
    """Tiles side by side, seams and all: uint8 [h, w, 3] to [2h, 2w, 3]."""
    height, width = picture.shape[:2]
    filled = _filled(picture)
    return _side_by_side(double, filled)[: SCALE * height, : SCALE * width]


def mended(double: Double, picture: Picture) -> Picture:
    """The same, and what lies across the edges predicted anew."""
    height, width = picture.shape[:2]
    filled = _filled(picture)
    whole = _side_by_side(double, filled)
    for top, left, across_rows, across_columns in _across(*filled.shape[:2]):
        tile = double(filled[top : top + TILE, left : left + TILE])
        rows, columns = _kept(across_rows), _kept(across_columns)
        onto = whole[SCALE * top : SCALE * (top + TILE), SCALE * left : SCALE * (left + TILE)]
        onto[rows, columns] = tile[rows, columns]
    return whole[: SCALE * height, : SCALE * width]


def _filled(picture: Picture) -> Picture:
    """Continued by reflection, to the right and below, to whole tiles."""
    behind = [-side % TILE for side in picture.shape[:2]]
    return np.pad(picture, ((0, behind[0]), (0, behind[1]), (0, 0)), mode="symmetric")


def _side_by_side(double: Double, filled: Picture) -> Picture:
    height, width = filled.shape[:2]
    rows = [
        np.concatenate(
            [
                double(filled[top : top + TILE, left : left + TILE])
                for left in range(0, width, TILE)
            ],
            axis=1,
        )
        for top in range(0, height, TILE)
    ]
    return np.concatenate(rows)


def _across(height: int, width: int) -> Iterator[tuple[int, int, bool, bool]]:
    """Top and left of every tile across edges, and whether across a horizontal, a vertical one.

    Vertical edges first, then horizontal ones, then crossings: each hides the ends of the last.
    """
    half = TILE // 2
    for across_rows, across_columns in ((False, True), (True, False), (True, True)):
        for top in range(half * across_rows, height - TILE + 1, TILE):
            for left in range(half * across_columns, width - TILE + 1, TILE):
                yield top, left, across_rows, across_columns


def _kept(across: bool) -> slice:
    """Of a doubled tile along one axis: the middle if it lies across an edge, else all of it."""
    margin = SCALE * (TILE - MIDDLE) // 2 if across else 0
    return slice(margin, SCALE * TILE - margin)
