"""Fitting one member on its part: checkpointed, resumable, evaluated as it goes.

A checkpoint holds all that the next step depends on (weights, their running average, the
optimiser), and batches depend only on the step, so a killed run goes on as if it had not been.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from training.compact import detail, member
from training.features.crops import Crops
from training.features.degradation import Picture, rounded
from training.features.pictures import Pair
from training.measures import psnr


@dataclass(frozen=True)
class Recipe:
    """How a member is fitted."""

    steps: int = 9_000
    batch: int = 8
    crop: int = 48
    """Side of the low-resolution crop; the member sees 8 px to each side of a pixel."""
    rate: float = 1.5e-3
    """Peak of the learning rate: between 1e-3 and 2e-3, which differed little; 5e-4 was slower."""
    warm_up: float = 0.02
    """Share of the steps in which the rate rises; then it falls, a cosine, to a hundredth."""
    clip: float = 1.0
    """Largest norm of all gradients together: keeps a rare bad crop from undoing a member."""
    average: float = 0.998
    """Momentum of the running average of the weights, which is what is evaluated and shipped."""
    precision: str = "mixed_bfloat16"

    def optimiser(self) -> keras.optimizers.Optimizer:
        rising = round(self.warm_up * self.steps)
        rate = keras.optimizers.schedules.CosineDecay(
            self.rate / 10,
            self.steps - rising,
            alpha=0.01,
            warmup_target=self.rate,
            warmup_steps=rising,
        )
        return keras.optimizers.Adam(
            rate, global_clipnorm=self.clip, use_ema=True, ema_momentum=self.average
        )


class Fitting:
    """One member in the making, kept in its checkpoint."""

    def __init__(self, number: int, pairs: list[Pair], recipe: Recipe, folder: Path) -> None:
        self.number = number
        self.recipe = recipe
        self.checkpoint = checkpoint(folder, number)
        self.crops = Crops(pairs, recipe.crop, recipe.batch, seed=number)
        self.model = member(detail(precision=recipe.precision, seed=number))
        self.optimiser = recipe.optimiser()
        self.optimiser.build(self.model.trainable_variables)
        # XLA is two to four times slower than oneDNN on a CPU.
        self.model.compile(self.optimiser, loss="mean_absolute_error", jit_compile=False)
        if self.checkpoint.exists():
            self._restore()

    @property
    def step(self) -> int:
        return int(self.optimiser.iterations.value)

    def advance(self, steps: int) -> float:
        """Fit for so many more steps, at most to the recipe's end; mean loss in grey levels."""
        due = min(steps, self.recipe.steps - self.step)
        losses = [
            self.model.train_on_batch(halves, wholes)
            for halves, wholes in islice(self.crops.after(self.step), due)
        ]
        self._save()
        return float(np.mean(losses)) if losses else float("nan")

    @contextmanager
    def averaged(self) -> Iterator[keras.Model]:
        """The member with the running average for its weights."""
        current = self.model.get_weights()
        self.optimiser.finalize_variable_values(self.model.trainable_variables)
        try:
            yield self.model
        finally:
            self.model.set_weights(current)

    def _save(self) -> None:
        arrays = {f"weights/{i}": w for i, w in enumerate(self.model.get_weights())}
        arrays |= {f"optimiser/{i}": v.numpy() for i, v in enumerate(self.optimiser.variables)}
        with self.averaged() as model:
            arrays |= {f"averaged/{i}": w for i, w in enumerate(model.get_weights())}
        unfinished = self.checkpoint.with_suffix(".partial.npz")
        np.savez(unfinished, **arrays)
        os.replace(unfinished, self.checkpoint)

    def _restore(self) -> None:
        self.model.set_weights(stored(self.checkpoint, "weights"))
        for variable, value in zip(
            self.optimiser.variables, stored(self.checkpoint, "optimiser"), strict=True
        ):
            variable.assign(value)


def checkpoint(folder: Path, number: int) -> Path:
    """Where a member is kept, by the hex digit of its part."""
    return folder / f"member-{number:x}.npz"


def stored(checkpoint: Path, kind: str) -> list[np.ndarray]:
    """The arrays of one kind in a checkpoint: `weights`, `averaged` or `optimiser`."""
    with np.load(checkpoint) as arrays:
        count = sum(name.startswith(f"{kind}/") for name in arrays.files)
        return [arrays[f"{kind}/{i}"] for i in range(count)]


def doubled(model: keras.Model, half: Picture) -> Picture:
    """A member's own answer to one uint8 [h, w, 3]: uint8 [2h, 2w, 3]."""
    levels = model(half[None].astype(np.float32), training=False)
    return rounded(keras.ops.convert_to_numpy(levels)[0])


@dataclass(frozen=True)
class Turn:
    """What one member's turn came to."""

    member: int
    step: int
    loss: float
    """Mean absolute error, in grey levels, over the turn."""
    psnr: float
    """Mean on the held-out pictures, in dB, with the averaged weights."""


def take_turns(fittings: list[Fitting], held_out: list[Pair], every: int) -> Iterator[Turn]:
    """Fit all members, `every` steps at a time, always the one that is furthest behind.

    So an even ensemble exists at any time.
    """
    while unfinished := [f for f in fittings if f.step < f.recipe.steps]:
        behind = min(unfinished, key=lambda fitting: fitting.step)
        loss = behind.advance(every)
        with behind.averaged() as model:
            quality = np.mean([psnr(doubled(model, pair.half), pair.full) for pair in held_out])
        yield Turn(behind.number, behind.step, loss, float(quality))
