"""What is written down after each turn: the scoreboard's row, and TensorBoard's curves."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from infra.clock import utc_now
from training import scoreboard
from training.curves import VALIDATION, Curves
from training.energy import Meter
from training.features.degradation import resized
from training.features.pictures import Pair
from training.fitting.device import Device
from training.fitting.fitting import Fitting, Turn
from training.measures import psnr


@dataclass
class Journal:
    """Of all fittings of one folder of runs."""

    runs: Path
    scoreboard: Path
    device: Device
    meter: Meter
    validation: list[Pair]
    _curves: dict[str, Curves] = field(default_factory=dict)

    def __post_init__(self) -> None:
        doubled = (psnr(resized(pair.half, 2), pair.full) for pair in self.validation)
        self._bicubic = float(np.mean(list(doubled)))

    def note(self, fitting: Fitting, turn: Turn) -> None:
        """Write a turn down."""
        self._draw(turn)
        recipe, progress = fitting.recipe, fitting.progress
        row = scoreboard.Row(
            run=f"{self.runs.name}/{fitting.name}",
            day=utc_now().date().isoformat(),
            architecture=recipe.architecture,
            parameters=fitting.parameters,
            pictures=fitting.pictures,
            start=recipe.start or "",
            steps=fitting.step,
            of_steps=recipe.steps,
            batch=recipe.batch,
            crop=recipe.crop,
            loss=recipe.loss,
            optimiser=recipe.optimiser,
            rate=recipe.rate,
            schedule=recipe.schedule,
            augmentation=str(recipe.augmentation),
            degradation=str(recipe.degradation),
            precision=self.device.precision,
            backend=self.device.backend,
            device=self.device.name,
            seconds=progress.seconds,
            watt_hours=progress.joules / 3600,
            energy=self.meter.source,
            best_step=progress.best_step,
            validation_psnr=progress.best_psnr,
            bicubic_psnr=self._bicubic,
        )
        scoreboard.note(row, self.scoreboard)

    def _draw(self, turn: Turn) -> None:
        if turn.name not in self._curves:
            self._curves[turn.name] = Curves(self.runs, turn.name)
        values = {"loss": turn.loss, VALIDATION: turn.psnr, "rate": turn.rate}
        self._curves[turn.name].add(turn.step, values)
