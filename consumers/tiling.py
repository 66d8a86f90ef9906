"""No seams, provably: halos as wide as the model sees, and only cores are kept.

An output pixel of a convolutional network depends on input pixels at most ``radius`` away. The
picture is continued by reflection, cut into tiles of one shape that overlap by twice the halo,
and of each doubled tile only the core is kept. The join then equals doubling the whole continued
picture at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumers.picture import Pixels
from infra.errors import Unavailable
from serving.contract import SCALE


class TileTooSmall(Unavailable):
    """TILE_SIDE leaves no core for the served model: an operator must act; no picture is guilty."""

    part = "a larger TILE_SIDE"


@dataclass(frozen=True)
class Tiling:
    """How tiles are cut for one model. All in input pixels."""

    side: int
    """Of a tile, halo included."""
    halo: int
    """At least the model's radius, and a multiple of its stride."""

    @classmethod
    def for_model(cls, side: int, radius: int, stride: int) -> "Tiling":
        """The tiling with the narrowest halo that is exact.

        Raises:
            TileTooSmall: the halo leaves no core.
        """
        halo = _round_up(radius, stride)
        aligned = _round_up(side, stride)
        if aligned <= 2 * halo:
            raise TileTooSmall(
                f"TILE_SIDE is {side}; the served model's halo of {halo} needs more than {2 * halo}"
            )
        return cls(aligned, halo)

    @property
    def core(self) -> int:
        """Side of what is kept of a tile."""
        return self.side - 2 * self.halo


@dataclass(frozen=True)
class Tile:
    """One tile's place in its band."""

    left: int
    """Of its core, in input pixels from the picture's left edge."""
    width: int
    """Of its core, cut at the picture's right edge."""


@dataclass(frozen=True)
class Band:
    """A row of tiles: the full width of the picture, one core high."""

    top: int
    """In input pixels from the picture's upper edge."""
    height: int
    """Cut at the picture's lower edge."""
    tiles: tuple[Tile, ...]


class TilePlan:
    """The tiles of one picture. Cutting copies one tile at a time, never the whole picture."""

    def __init__(self, pixels: Pixels, tiling: Tiling) -> None:
        """Plan for ``pixels``, uint8 ``[height, width, 3]``."""
        self._pixels = pixels
        self._tiling = tiling
        self._height: int = pixels.shape[0]
        self._width: int = pixels.shape[1]
        self._rows = _reflected(self._height, tiling)
        self._columns = _reflected(self._width, tiling)

    def __len__(self) -> int:
        core = self._tiling.core
        return -(-self._height // core) * -(-self._width // core)

    def bands(self) -> Iterator[Band]:
        """From top to bottom."""
        core = self._tiling.core
        tiles = tuple(
            Tile(left, min(core, self._width - left)) for left in range(0, self._width, core)
        )
        for top in range(0, self._height, core):
            yield Band(top, min(core, self._height - top), tiles)

    def cut(self, band: Band, tiles: tuple[Tile, ...]) -> Pixels:
        """Some of a band's tiles with their halos: uint8 ``[len(tiles), side, side, 3]``."""
        side = self._tiling.side
        rows = self._rows[band.top : band.top + side]
        return np.stack(
            [
                self._pixels[np.ix_(rows, self._columns[tile.left : tile.left + side])]
                for tile in tiles
            ]
        )

    def place(self, doubled: Pixels, band: Band, tiles: tuple[Tile, ...], onto: Pixels) -> None:
        """Copy the cores of doubled tiles onto the doubled band.

        Args:
            doubled: uint8 ``[len(tiles), 2 side, 2 side, …]``.
            onto: uint8 ``[2 band height, 2 picture width, …]``.
        """
        start = SCALE * self._tiling.halo
        height = SCALE * band.height
        for tile, content in zip(tiles, doubled, strict=True):
            left, width = SCALE * tile.left, SCALE * tile.width
            onto[:, left : left + width] = content[start : start + height, start : start + width]


def _reflected(length: int, tiling: Tiling) -> NDArray[np.intp]:
    """Which pixel stands at each place of a side that is continued by reflection.

    The side is continued by the halo in front, and behind up to the end of the last tile.
    """
    behind = _round_up(length, tiling.core) - length + tiling.halo
    return np.pad(np.arange(length), (tiling.halo, behind), mode="reflect")


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
