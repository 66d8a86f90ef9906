"""All that one evaluation measured, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from training.evaluation.averaging import Averaging
from training.evaluation.calibration import Calibration
from training.evaluation.cost import Cost
from training.evaluation.scores import Closeness, Score, gain
from training.evaluation.sets import Example, PictureSet, examples
from training.evaluation.stars import StarScore
from training.evaluation.subjects import Bicubic


@dataclass(frozen=True)
class Results:
    """By the subjects' names, in the order that they were given in; bicubic is one of them."""

    sets: list[PictureSet]
    scores: dict[str, dict[Example, Score]]
    costs: dict[str, Cost]
    stars: list[StarScore]
    averagings: list[Averaging]
    notes: list[str]
    """What a reader must know beside the figures, one sentence each."""

    @property
    def subjects(self) -> list[str]:
        return list(self.scores)

    @property
    def with_truth(self) -> list[PictureSet]:
        return [s for s in self.sets if all(e.truth is not None for e in s.examples)]

    def mean(
        self, subject: str, pictures: PictureSet, quantity: Callable[[Score], float | None]
    ) -> float | None:
        """Over a set; None where a picture has no such quantity."""
        values = [quantity(self.scores[subject][example]) for example in pictures.examples]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if len(known) == len(values) else None

    def mean_closeness(
        self, subject: str, pictures: PictureSet, quantity: Callable[[Closeness], float]
    ) -> float | None:
        def of(score: Score) -> float | None:
            return None if score.closeness is None else quantity(score.closeness)

        return self.mean(subject, pictures, of)

    def excess(self, subject: str, pictures: PictureSet) -> float | None:
        """Binary cross-entropy over the set's floor, in percent of it."""
        entropy = self.mean_closeness(subject, pictures, lambda closeness: closeness.entropy)
        floor = self.mean_closeness(subject, pictures, lambda closeness: closeness.floor)
        return None if entropy is None or not floor else 100 * (entropy / floor - 1)

    def gain(self, subject: str, example: Example) -> float | None:
        """Over bicubic, in dB of PSNR on Y."""
        return gain(self.scores[subject][example], self.scores[Bicubic.name][example])

    def gains(self, subject: str, pictures: PictureSet) -> dict[Example, float]:
        """Of the pictures whose truth is known."""
        known = {example: self.gain(subject, example) for example in pictures.examples}
        return {example: value for example, value in known.items() if value is not None}

    def calibration(self, subject: str, pictures: PictureSet) -> Calibration | None:
        """Of all pixels of a set; None for a subject without spread."""
        parts = [self.scores[subject][example].calibration for example in pictures.examples]
        known = [part for part in parts if part is not None]
        return reduce(add, known) if known else None

    def mean_ranks(self) -> dict[str, float]:
        """Of PSNR on Y among the subjects, 1 the best, over every picture with a truth once."""
        rows = []
        for example in examples(self.with_truth):
            closeness = [self.scores[subject][example].closeness for subject in self.subjects]
            values = np.array([known.psnr for known in closeness if known is not None])
            # Those that are equal share the mean of their ranks.
            better = (values[None] > values[:, None]).sum(1)
            equal = (values[None] == values[:, None]).sum(1)
            rows.append(better + (equal + 1) / 2)
        return dict(zip(self.subjects, np.mean(rows, axis=0).tolist(), strict=True)) if rows else {}
