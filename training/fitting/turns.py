"""Several fittings, taking turns."""

from collections.abc import Iterator

from training.energy import Meter
from training.features.pictures import Pair
from training.fitting.fitting import Fitting, Turn


def take_turns(
    fittings: list[Fitting], validation: list[Pair], every: int, meter: Meter
) -> Iterator[tuple[Fitting, Turn]]:
    """Fit all to their ends, `every` steps at a time, always the one that is furthest behind.

    So an even ensemble exists at any time.
    """
    while unfinished := [fitting for fitting in fittings if not fitting.finished]:
        behind = min(unfinished, key=lambda fitting: fitting.step)
        yield behind, behind.turn(every, validation, meter)
