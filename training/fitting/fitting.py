"""A network in the making: it advances, is measured, and is kept so that a kill costs little.

A checkpoint holds all that the next step depends on (weights, optimiser, what the evaluations
found), and batches depend only on the step, so a killed run goes on as if it had not been.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES, Architecture
from training.energy import Meter
from training.features.crops import Batch
from training.features.pictures import Pair
from training.fitting import checkpoint
from training.fitting.recipe import Recipe
from training.measures import psnr


class Network(Protocol):
    """What is fitted: one network, or several members side by side."""

    model: keras.Model
    loss: Any
    members: bool
    """Whether its weights have an axis of members in front."""
    white: float
    """The model's white; 255 in batches."""

    def start_from(self, weights: checkpoint.Weights) -> None:
        """Take one network's weights for those of all that is fitted."""

    def psnr(self, validation: list[Pair]) -> float:
        """Mean over the pictures (and members) with the model's present weights, in dB."""

    def keep(self, best: checkpoint.Weights, facts: dict[str, Any], runs: Path) -> None:
        """Write down what others read, beside the checkpoint."""


class OneNetwork:
    """A network of one of the architectures."""

    members = False

    def __init__(self, recipe: Recipe, seed: int = 0) -> None:
        """`seed` decides the weights that it begins with."""
        self._architecture: Architecture = ARCHITECTURES[recipe.architecture]
        self.white = self._architecture.white
        self.loss = recipe.loss
        keras.utils.set_random_seed(seed)
        self.model = self._architecture.build()

    def start_from(self, weights: checkpoint.Weights) -> None:
        self.model.set_weights(weights)

    def psnr(self, validation: list[Pair]) -> float:
        double = self._architecture.double
        return float(np.mean([psnr(double(self.model, p.half), p.full) for p in validation]))

    def keep(self, best: checkpoint.Weights, facts: dict[str, Any], runs: Path) -> None:
        """The checkpoint holds it all."""


class Batches(Protocol):
    """Where batches come from: grey levels 0..255, float32."""

    @property
    def pictures(self) -> int:
        """How many pictures they are cut from."""

    def after(self, step: int) -> Iterator[Batch]:
        """The batches of step + 1 and on, the same ones each time."""


@dataclass
class Progress:
    """What is known of a fitting beside its arrays."""

    best_psnr: float = -math.inf
    """Mean on the validation pictures, in dB."""
    best_step: int = 0
    turns_since: int = 0
    """Evaluations since the best one."""
    seconds: float = 0.0
    joules: float = 0.0


@dataclass(frozen=True)
class Turn:
    """What some steps of one fitting came to."""

    name: str
    step: int
    loss: float
    """Mean over the turn, in the recipe's own loss."""
    psnr: float
    """Mean on the validation pictures, in dB, with the averaged weights."""
    rate: float
    """Of learning, at the end of the turn."""
    seconds_left: float
    """At this turn's pace, were it never to stop early."""


class Fitting:
    """One network in the making."""

    def __init__(
        self, name: str, network: Network, batches: Batches, recipe: Recipe, runs: Path
    ) -> None:
        """Go on from the checkpoint, or from where the recipe starts.

        Raises:
            DoubletError: the recipe starts from a network that is not in `runs`, or this one was
                fitted side by side with others.
        """
        self.name, self.recipe = name, recipe
        self._network, self._batches, self._runs = network, batches, runs
        self._file = checkpoint.path(runs, name)
        self._model = network.model
        self.progress = Progress()
        if recipe.start and not self._file.exists():
            network.start_from(checkpoint.weights(checkpoint.path(runs, recipe.start), "best"))
        self._best = self._model.get_weights()
        self._optimiser = recipe.make_optimiser(network.members)
        self._optimiser.build(self._model.trainable_variables)
        # XLA is two to four times slower than oneDNN on a CPU, but JAX has nothing else.
        jit = keras.config.backend() == "jax"
        self._model.compile(self._optimiser, loss=network.loss, jit_compile=jit)
        if self._file.exists():
            self._restore()

    @property
    def step(self) -> int:
        return int(self._optimiser.iterations.value)

    @property
    def parameters(self) -> int:
        """Of all that is fitted."""
        return int(self._model.count_params())

    @property
    def pictures(self) -> int:
        """How many pictures it learns from."""
        return self._batches.pictures

    @property
    def finished(self) -> bool:
        """All steps are done, or the evaluations have brought nothing better for long enough."""
        patience = self.recipe.patience
        stale = patience is not None and self.progress.turns_since >= patience
        return stale or self.step >= self.recipe.steps

    def turn(self, steps: int, validation: list[Pair], meter: Meter) -> Turn:
        """Fit for so many more steps, at most to the recipe's end; measure; write a checkpoint."""
        due = min(steps, self.recipe.steps - self.step)
        started, before = time.monotonic(), meter.joules()
        losses = [
            self._model.train_on_batch(*self._scaled(batch))
            for batch in islice(self._batches.after(self.step), due)
        ]
        self.progress.seconds += time.monotonic() - started
        self.progress.joules += meter.joules() - before
        with self.averaged():
            quality = self._network.psnr(validation)
            self._note(quality)
        self._save()
        pace = (time.monotonic() - started) / max(1, due)
        return Turn(
            self.name,
            self.step,
            float(np.mean(losses)),
            quality,
            float(self._optimiser.learning_rate),
            pace * (self.recipe.steps - self.step),
        )

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network has the running average for its weights."""
        current = self._model.get_weights()
        self._optimiser.finalize_variable_values(self._model.trainable_variables)
        try:
            yield
        finally:
            self._model.set_weights(current)

    def _scaled(self, batch: Batch) -> Batch:
        halves, wholes = batch
        scale = np.float32(self._network.white / 255)
        return halves * scale, wholes * scale

    def _note(self, quality: float) -> None:
        progress = self.progress
        if quality > progress.best_psnr:
            progress.best_psnr, progress.best_step, progress.turns_since = quality, self.step, 0
            self._best = self._model.get_weights()
            return
        progress.turns_since += 1
        if self.recipe.lowers_rate_after(progress.turns_since):
            self._optimiser.learning_rate = float(self._optimiser.learning_rate) / 2

    def _save(self) -> None:
        arrays = {
            "weights": self._model.get_weights(),
            "optimiser": [keras.ops.convert_to_numpy(v) for v in self._optimiser.variables],
            "best": self._best,
        }
        facts = {
            "recipe": asdict(self.recipe),
            "progress": asdict(self.progress),
            "step": self.step,
        }
        checkpoint.write(self._file, arrays, facts)
        self._network.keep(self._best, facts, self._runs)

    def _restore(self) -> None:
        weights = checkpoint.weights(self._file, "weights")
        if not weights:
            raise DoubletError(f"{self._file} was fitted beside others: go on with --together")
        self._model.set_weights(weights)
        self._best = checkpoint.weights(self._file, "best")
        kept = checkpoint.weights(self._file, "optimiser")
        for variable, value in zip(self._optimiser.variables, kept, strict=True):
            variable.assign(value)
        self.progress = Progress(**checkpoint.facts(self._file)["progress"])
