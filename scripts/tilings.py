"""Times the original web page's tiling beside ours: one picture, one model.

    python scripts/tilings.py serving/models/doublet/3 picture.png

Prints a table: seconds, CPU seconds, tiles, pixels predicted, the step across the seams, and the
largest difference to running the whole picture at once.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consumers.tiling import TilePlan, Tiling
from infra.errors import DoubletError
from infra.settings import Settings
from serving import contract
from training.evaluation.saved_model import SavedModel
from training.evaluation.subjects import read_picture
from training.features.degradation import Picture
from training.original import tiling as original


@dataclass
class Counted:
    """A model's call that counts what it is given."""

    model: SavedModel
    tiles: int = 0
    pixels: int = 0

    def double(self, tile: Picture) -> Picture:
        """One tile: uint8 [h, w, 3] to [2h, 2w, 3]."""
        self.tiles += 1
        self.pixels += tile.shape[0] * tile.shape[1]
        doubled: Picture = self.model.run(tile[None], contract.DOUBLED)[0]
        return doubled


def main(model: Path, file: Path) -> None:
    """Print the comparison."""
    picture = read_picture(file)
    with SavedModel(model) as loaded:
        stride = int(loaded.run(picture[None, :1, :1], contract.STRIDE, contract.DESCRIBE)[0])
        tiling = Tiling.for_model(Settings().tile_side, loaded.radius, stride)
        whole = doubled_at_once(loaded, picture, tiling.halo)
        middle = original.MIDDLE // 2
        ways: list[tuple[str, Callable[[Counted], Picture], Sequence[int]]] = [
            (
                "the original's tiles alone",
                lambda counted: original.plain(counted.double, picture),
                range(original.TILE, max(picture.shape), original.TILE),
            ),
            (
                "the original, edges predicted anew",
                lambda counted: original.mended(counted.double, picture),
                [
                    edge + side
                    for edge in range(original.TILE, max(picture.shape), original.TILE)
                    for side in (-middle, middle)
                ],
            ),
            (
                "ours, with halos",
                lambda counted: with_halos(counted, picture, tiling),
                range(tiling.core, max(picture.shape), tiling.core),
            ),
        ]
        height, width = picture.shape[:2]
        say(f"{file.name}, {width}x{height}, {model}, tiles one by one, in float32\n")
        say(
            "| tiling | seconds | CPU seconds | tiles | pixels predicted | seam step "
            "| most from the whole |"
        )
        say("|---|---|---|---|---|---|---|")
        for name, way, seams in ways:
            counted = Counted(loaded)
            way(counted)  # once for the shapes that TensorFlow has not seen yet
            counted = Counted(loaded)
            cpu, began = time.process_time(), time.perf_counter()
            made = way(counted)
            cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
            difference = np.abs(made.astype(int) - whole)
            say(
                f"| {name} | {seconds:.2f} | {cpu:.2f} | {counted.tiles} "
                f"| {counted.pixels / (height * width):.2f} x | {seam_step(made, seams):+.3f} "
                f"| {difference.max()} ({difference[inner(loaded.radius)].max()} inside) |"
            )


def inner(radius: int) -> tuple[slice, slice]:
    """What is further than the model's radius from the picture's own edges."""
    inside = slice(contract.SCALE * radius, -contract.SCALE * radius)
    return inside, inside


def doubled_at_once(model: SavedModel, picture: Picture, halo: int) -> Picture:
    """The whole picture in one call, continued by reflection as ours is."""
    continued = np.pad(picture, ((halo, halo), (halo, halo), (0, 0)), mode="reflect")
    doubled: Picture = model.run(continued[None], contract.DOUBLED)[0]
    return doubled[inner(halo)]


def with_halos(counted: Counted, picture: Picture, tiling: Tiling) -> Picture:
    """As the consumer does it."""
    plan = TilePlan(picture, tiling)
    bands = []
    for band in plan.bands():
        shape = (contract.SCALE * band.height, contract.SCALE * picture.shape[1], 3)
        onto = np.empty(shape, np.uint8)
        tiles = plan.cut(band, band.tiles)
        doubled = np.stack([counted.double(tile) for tile in tiles])
        plan.place(doubled, band, band.tiles, onto)
        bands.append(onto)
    return np.concatenate(bands)


def seam_step(doubled: Picture, seams: Sequence[int]) -> float:
    """Mean absolute jump across the seams beyond that across the lines beside them, grey levels.

    `seams` are in input pixels, the same along both axes.
    """
    steps = []
    for picture in (doubled, doubled.swapaxes(0, 1)):
        jumps = np.abs(np.diff(picture.astype(int), axis=0)).mean(axis=(1, 2))
        lines = [contract.SCALE * s - 1 for s in seams if contract.SCALE * s + 2 < len(picture)]
        # Lines alternate between the two halves of an input pixel: those two away are alike.
        beside = [line + away for line in lines for away in (-2, 2)]
        if lines:
            steps.append(jumps[lines].mean() - jumps[beside].mean())
    return float(np.mean(steps)) if steps else 0.0


def say(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except DoubletError as error:
        sys.exit(f"tilings: {error}")
