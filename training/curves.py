"""The curves that TensorBoard shows of a run, as the points that ship beside a model."""

from collections.abc import Iterable
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from serving.curves import Point

VALIDATION = "validation PSNR, dB"
"""The tag that the trainer's journal writes under."""


def collected(runs: Path, names: Iterable[str]) -> list[Point]:
    """Every evaluation of these fittings; none of one whose curves are gone."""
    points = []
    for name in names:
        events = EventAccumulator(str(runs / "tensorboard" / name), {"tensors": 0})
        if (runs / "tensorboard" / name).is_dir():
            events.Reload()
        if VALIDATION in events.Tags()["tensors"]:
            # A fitting that went on after a kill told some steps twice: the last words count.
            last = {it.step: it.tensor_proto for it in events.Tensors(VALIDATION)}
            points += [Point(name, step, float(make_ndarray(last[step]))) for step in sorted(last)]
    return points
