"""The curves of a run: written for TensorBoard, and read as the points that ship beside a model.

TensorFlow's writer is not used, because it would have to be loaded beside PyTorch, which ends the
process: both bring an LLVM, and its options may be registered once.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_ndarray

from serving.curves import Point

VALIDATION = "validation PSNR, dB"
"""The tag that the trainer's journal writes under."""


class Curves:
    """A file of one fitting's curves, which TensorBoard reads while it grows."""

    def __init__(self, runs: Path, name: str) -> None:
        folder = runs / "tensorboard" / name
        folder.mkdir(parents=True, exist_ok=True)
        # Files of one folder are read in the order of their names.
        self._file = folder / f"events.out.tfevents.{time.time_ns()}"
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Note values by their tags; they are in the file when this returns."""
        now = time.time()
        summaries = (scalar_pb(tag, value) for tag, value in values.items())
        self._write(*(Event(wall_time=now, step=step, summary=it) for it in summaries))

    def _write(self, *events: Event) -> None:
        with self._file.open("ab") as file:
            records = RecordWriter(file)
            for event in events:
                records.write(event.SerializeToString())


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
