"""What `doublet train` was asked for, and its carrying out in one process.

Members are independent: an order for many can be taken apart into orders for one, and these
carried out anywhere.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from infra.errors import DoubletError
from training.quiet import import_tensorflow

OF_PARTS = ("member", "original")
"""Recipes that fit a network for each part."""


@dataclass(frozen=True)
class Order:
    """All that `doublet train` can be told."""

    recipe: str
    pictures: Path
    runs: Path
    numbers: tuple[int, ...]
    """Of the parts, for a recipe of parts."""
    together: bool
    architecture: str | None
    steps: int | None
    every: int
    """Steps between checkpoints."""
    scoreboard: Path

    def apart(self) -> Iterator["Order"]:
        """An order for each member.

        Raises:
            DoubletError: the recipe fits one network, or all in one step.
        """
        if self.recipe not in OF_PARTS or self.together:
            raise DoubletError(f"only members are fitted apart: {', '.join(OF_PARTS)}")
        for number in self.numbers:
            yield replace(self, numbers=(number,))


def fit(order: Order) -> None:
    """Fit what is ordered, in turns, and write down what comes of it."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        import_tensorflow()
    import keras

    from training.energy import meter
    from training.features.pictures import read, validation
    from training.fitting import plan
    from training.fitting.device import device
    from training.fitting.journal import Journal
    from training.fitting.progress import shown
    from training.fitting.recipe import recipe as find
    from training.fitting.turns import take_turns

    here = device()
    keras.config.set_dtype_policy(here.precision)
    wanted = find(order.recipe, order.steps, order.architecture)
    held_out = [read(source) for source in validation(order.pictures)]
    if order.recipe in OF_PARTS:
        parts = order.recipe, wanted, order.pictures, order.runs, order.numbers
        fittings = [plan.all_together(*parts)] if order.together else plan.one_for_each_part(*parts)
    elif order.recipe == "fast":
        fittings = [plan.distilled(order.recipe, wanted, order.pictures, order.runs)]
    else:
        name = wanted.architecture if order.recipe == "study" else order.recipe
        fittings = [plan.one_of_all(name, wanted, order.pictures, order.runs)]
    joules = meter()
    journal = Journal(order.runs, order.scoreboard, here, joules, held_out)
    typer.echo(f"{here.name}, {here.backend}, {here.precision}; energy: {joules.source}")
    for fitting, turn in shown(take_turns(fittings, held_out, order.every, joules), fittings):
        journal.note(fitting, turn)
