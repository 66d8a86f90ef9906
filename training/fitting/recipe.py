"""How a network is fitted, as policies with a name each."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import keras

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES
from training.features.augmentation import Augmentation
from training.features.degradation import Degradation
from training.fitting.muon import KernelMuon

ADAM_SHARE = 0.375
"""Adam's rate, for what Muon leaves to it, as a share of Muon's: 1.5e-3 of 4e-3. With Adam alone,
1e-3 and 2e-3 differed little."""

PLATEAU = 5
"""Evaluations without a better one after which the schedule "plateau" halves the rate."""

Schedule = Literal["cosine", "constant", "plateau"]


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted."""

    steps: int
    architecture: str = "compact"
    start: str | None = None
    """The checkpoint, in the same folder of runs, whose network it goes on from."""
    batch: int = 8
    crop: int = 48
    """Side of the low-resolution crop; a compact member sees 8 px to each side of a pixel."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    degradation: Degradation = field(default_factory=Degradation)
    loss: str = "mean_absolute_error"
    optimiser: Literal["muon", "adam"] = "muon"
    rate: float = 4e-3
    """Peak of the learning rate."""
    schedule: Schedule = "cosine"
    """After the warm-up: a cosine down to its `last` share, the peak for ever, or half as much
    after every `PLATEAU` evaluations in which nothing was better."""
    last: float = 0.01
    """Share of the peak that is left at the end of a cosine."""
    warm_up: int = 200
    """Steps in which the rate rises."""
    patience: int | None = None
    """Evaluations without a better one after which fitting stops early; None: never."""
    clip: float | None = 1.0
    """Largest norm of all gradients together: keeps a rare bad crop from undoing a network. None:
    any."""
    average: float = 0.998
    """Momentum of the running average of the weights, which is what is evaluated and kept."""

    def rates(self) -> Any:
        """The learning rate of each step; a number where evaluations decide."""
        if self.schedule == "plateau":
            return self.rate
        if self.schedule == "constant":
            return keras.optimizers.schedules.PolynomialDecay(
                self.rate / self.warm_up, self.warm_up, self.rate
            )
        return keras.optimizers.schedules.CosineDecay(
            self.rate / self.warm_up,
            max(1, self.steps - self.warm_up),
            alpha=self.last,
            warmup_target=self.rate,
            warmup_steps=self.warm_up,
        )

    def lowers_rate_after(self, turns: int) -> bool:
        """Whether the rate is halved after so many evaluations without a better one."""
        return self.schedule == "plateau" and turns % PLATEAU == 0

    def make_optimiser(self, members: bool = False) -> keras.optimizers.Optimizer:
        """`members`: the variables have an axis of members in front."""
        averaging = {"use_ema": True, "ema_momentum": self.average}
        if self.optimiser == "adam":
            return keras.optimizers.Adam(self.rates(), global_clipnorm=self.clip, **averaging)
        return KernelMuon(
            self.rates(),
            clip=self.clip,
            members=members,
            adam_lr_ratio=ADAM_SHARE,
            **averaging,
        )


TURNED = Augmentation(reduction=0.0, channel_shuffle=0.0)
ALIASED = Degradation(jpeg=0.0, noise=0.0, halving="every second pixel")

RECIPES = {
    # The ensemble: sixteen networks that have nothing in common but their design, so that what they
    # disagree on says something.
    "member": Recipe(steps=27_000, average=0.999),
    # The quick network: it learns from all parts at a constant rate, so that it can be left at any
    # step, and goes on with the ensemble's answers, too.
    "start": Recipe(steps=12_000, schedule="constant", average=0.999),
    "fast": Recipe(steps=16_000, start="start", warm_up=20, average=0.999),
    # The original project's, but for the number of steps: five epochs of a sixteenth of Open
    # Images were some 350,000.
    "original": Recipe(
        steps=1_000,
        architecture="unet",
        crop=128,
        augmentation=TURNED,
        degradation=ALIASED,
        loss="binary_crossentropy",
        optimiser="adam",
        rate=1e-3,
        schedule="constant",
        warm_up=1,
        clip=None,
        average=0.0,
    ),
    # One for every architecture, so that they can be compared.
    "study": Recipe(steps=20_000, optimiser="adam", rate=2e-4, schedule="plateau", patience=10),
}


def recipe(name: str, steps: int | None = None, architecture: str | None = None) -> Recipe:
    """One of the recipes, changed where asked for.

    Raises:
        DoubletError: there is no such recipe or architecture.
    """
    if name not in RECIPES:
        raise DoubletError(f"there is no recipe {name}: give one of {', '.join(RECIPES)}")
    changes: dict[str, Any] = {"steps": steps, "architecture": architecture}
    wanted = replace(RECIPES[name], **{k: v for k, v in changes.items() if v is not None})
    if wanted.architecture not in ARCHITECTURES:
        raise DoubletError(
            f"there is no architecture {architecture}: give one of {', '.join(ARCHITECTURES)}"
        )
    return wanted
