"""One picture through the model, tile by tile, onto a canvas."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from consumers import crash_points
from consumers.canvas import Canvas, DoubledPicture
from consumers.halt import Halt
from consumers.picture import Picture, Pixels
from consumers.tile_calls import TileCalls, TileRetryPolicy
from consumers.tiling import Band, TilePlan, Tiling
from consumers.timings import Timings
from infra.settings import Settings
from serving.contract import CHANNELS, SCALE
from serving.model_server import ModelServer, ServedModel

_GREY = 128


@dataclass(frozen=True)
class DoublingPolicy:
    """How pictures are sent to the model."""

    tile_side: int
    """In pixels, halo included."""
    tiles_per_call: int
    keep_spread: bool
    retry: TileRetryPolicy = field(default_factory=TileRetryPolicy)

    @classmethod
    def of(cls, settings: Settings) -> "DoublingPolicy":
        """As the settings have it."""
        return cls(settings.tile_side, settings.tiles_per_call, settings.keep_spread)


class Doubler:
    """Doubles pictures with one version of the model."""

    def __init__(self, model: ModelServer, served: ServedModel, policy: DoublingPolicy) -> None:
        """Settle the tiles' shape.

        Raises:
            TileTooSmall: the version sees farther than the tiles allow.
        """
        self._with_spread = policy.keep_spread and served.has_spread
        self._calls = TileCalls(model, served.version, self._with_spread, policy.retry)
        self._tiles_per_call = policy.tiles_per_call
        self._tiling = Tiling.for_model(policy.tile_side, served.radius, served.stride)

    def double(
        self, picture: Picture, folder: Path, timings: Timings, halt: Halt
    ) -> DoubledPicture:
        """Write the doubled picture, and the members' spread, into ``folder``.

        Raises:
            ModelServerError: as `TileCalls.double` does; files are left half written.
            HandedBack: stopping was asked for; likewise.
        """
        plan = TilePlan(picture.pixels, self._tiling)
        with Canvas(picture, folder, self._tiling, with_spread=self._with_spread) as canvas:
            for band in plan.bands():
                doubled, spread = self._double_band(plan, band, canvas.width, timings, halt)
                with timings.stage("join"):
                    canvas.append(doubled, spread)
                crash_points.reached("mid-picture")
        return canvas.finished(len(plan))

    def double_plain_tile(self) -> None:
        """Ask for one tile of grey, checked as any other and asked for once.

        Raises:
            ModelServerError: as `TileCalls.ask` does.
        """
        side = self._tiling.side
        self._calls.ask(np.full((1, side, side, CHANNELS), _GREY, np.uint8))

    def _double_band(
        self,
        plan: TilePlan,
        band: Band,
        width: int,
        timings: Timings,
        halt: Halt,
    ) -> tuple[Pixels, Pixels | None]:
        rows = SCALE * band.height
        doubled = np.empty((rows, width, CHANNELS), np.uint8)
        spread = np.empty((rows, width), np.uint8) if self._with_spread else None
        for first in range(0, len(band.tiles), self._tiles_per_call):
            tiles = band.tiles[first : first + self._tiles_per_call]
            with timings.stage("tile"):
                content = plan.cut(band, tiles)
            with timings.stage("model"):
                answer = self._calls.double(content, halt)
            with timings.stage("join"):
                plan.place(answer.doubled, band, tiles, doubled)
                if spread is not None and answer.spread is not None:
                    plan.place(answer.spread, band, tiles, spread)
        return doubled, spread
