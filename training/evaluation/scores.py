"""A subject's answer to every picture, measured."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from serving.contract import SCALE, SPREAD_STEPS_PER_GREY_LEVEL
from training.evaluation.calibration import Calibration
from training.evaluation.saved_model import SavedModel
from training.evaluation.sets import Example
from training.evaluation.subjects import Subject, of_twice_the_sides
from training.features.degradation import Picture, resized
from training.measures import (
    binary_cross_entropy,
    consistency,
    luminance,
    psnr,
    rgb_psnr,
    ssim,
)

CROP = 64
"""Side of the crops that are looked at, in pixels of the truth."""


@dataclass(frozen=True)
class Spot:
    """A crop, and how much nearer to the truth than bicubic it is."""

    top: int
    left: int
    gain: float
    """By how many grey levels the root mean square of the error on Y is smaller."""


@dataclass(frozen=True)
class Closeness:
    """To the truth: PSNR in dB, SSIM, and nats of binary cross-entropy."""

    psnr: float
    ssim: float
    rgb_psnr: float
    entropy: float
    floor: float
    """The truth's own: the least that `entropy` could be."""
    best: Spot
    worst: Spot


@dataclass(frozen=True, eq=False)
class Score:
    """One subject on one picture."""

    closeness: Closeness | None
    """None where the truth is unknown."""
    consistency: float
    """Of the result, halved, with what was doubled: PSNR in dB."""
    spread: float | None
    """Mean, in grey levels; None for a subject without."""
    calibration: Calibration | None


def scores(subject: Subject, examples: Iterable[Example]) -> dict[Example, Score]:
    """The subject on every example."""
    return {example: score(subject, example) for example in examples}


def score(subject: Subject, example: Example) -> Score:
    doubled, spread = answer(subject, example.half)
    truth = example.truth
    return Score(
        None if truth is None else closeness(doubled, example, truth),
        consistency(doubled, example.half),
        None if spread is None else float(spread.mean()) / SPREAD_STEPS_PER_GREY_LEVEL,
        None if spread is None or truth is None else Calibration.of(spread, doubled, truth),
    )


def answer(subject: Subject, picture: Picture) -> tuple[Picture, Picture | None]:
    """The doubled picture, and its spread where the subject has one.

    Raises:
        DoubletError: the subject cannot, or its answer has the wrong size.
    """
    if isinstance(subject, SavedModel):
        return subject.double_with_spread(picture)
    return of_twice_the_sides(subject.name, subject.double(picture), picture), None


def closeness(doubled: Picture, example: Example, truth: Picture) -> Closeness:
    spots = list(gains(doubled, resized(example.half, SCALE), truth))
    return Closeness(
        psnr=psnr(doubled, truth, example.grey),
        ssim=ssim(doubled, truth, example.grey),
        rgb_psnr=rgb_psnr(doubled, truth),
        entropy=binary_cross_entropy(doubled, truth),
        floor=binary_cross_entropy(truth, truth),
        best=max(spots, key=lambda spot: spot.gain),
        worst=min(spots, key=lambda spot: spot.gain),
    )


def gains(doubled: Picture, bicubic: Picture, truth: Picture) -> Iterable[Spot]:
    """The gain over bicubic of every whole crop, or of the one that a small picture has."""
    ours, plain = ((luminance(p) - luminance(truth)) ** 2 for p in (doubled, bicubic))
    height, width = ours.shape
    for top in range(0, max(height - CROP, 0) + 1, CROP):
        for left in range(0, max(width - CROP, 0) + 1, CROP):
            place = slice(top, top + CROP), slice(left, left + CROP)
            gain = np.sqrt(plain[place].mean()) - np.sqrt(ours[place].mean())
            yield Spot(top, left, float(gain))


def gain(ours: Score, bicubic: Score) -> float | None:
    """How much higher the PSNR on Y is, in dB; None without a truth."""
    if ours.closeness is None or bicubic.closeness is None:
        return None
    if ours.closeness.psnr == bicubic.closeness.psnr:  # both may be infinite
        return 0.0
    return ours.closeness.psnr - bicubic.closeness.psnr
