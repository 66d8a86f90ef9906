"""What doubling costs: time, memory and energy, each subject alone in a process of its own."""

import multiprocessing
import pickle
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.errors import DoubletError
from serving.embedded.hush import hushed
from training.energy import cpu_seconds, meter
from training.evaluation.subjects import Opener
from training.features.degradation import Picture

SIDE = 256
"""Of the timed picture, in pixels: a tile of the consumer's default settings."""

RUNS = 3
"""The quietest counts: others may be using the machine."""


@dataclass(frozen=True)
class Cost:
    """Of one megapixel of input, but for the memory, which one picture of 256x256 took."""

    seconds: float
    cpu_seconds: float
    """Of all threads, and of the processes that a command started."""
    peak_bytes: int
    """The process's largest resident set, with the libraries that it loaded."""
    joules: float
    energy: str
    """How that is known: RAPL, NVML or estimated."""


def cost(opener: Opener, side: int = SIDE) -> Cost:
    """Open the subject in a new process and time it there.

    Raises:
        DoubletError: it cannot be opened, cannot double, or the process was killed.
    """
    alone = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=alone) as process:
        try:
            return process.submit(_cost_here, pickle.dumps(opener), side).result()
        except BrokenProcessPool as error:
            raise DoubletError(
                "the process that was timed was killed: perhaps the memory does not suffice"
            ) from error


def _cost_here(opener: bytes, side: int) -> Cost:
    with hushed():  # unpickled here, because that may import TensorFlow
        subject = pickle.loads(opener)()
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    subject.double(picture)
    runs = [_run(subject.double, picture) for _ in range(RUNS)]
    seconds, cpu, joules = (min(column) for column in zip(*runs, strict=True))
    megapixels = side**2 / 1e6
    return Cost(
        seconds / megapixels,
        cpu / megapixels,
        peak_bytes(),
        joules / megapixels,
        meter().source,
    )


def _run(double: Callable[[Picture], Picture], picture: Picture) -> tuple[float, float, float]:
    """Seconds, CPU seconds and joules."""
    energy = meter()
    joules, cpu, began = energy.joules(), cpu_seconds(), time.perf_counter()
    double(picture)
    return time.perf_counter() - began, cpu_seconds() - cpu, energy.joules() - joules


def matrix_speed(side: int = 1024) -> float:
    """Float32 operations of a matrix product in a CPU second: about the most that there are.

    What a convolution costs is bounded by it, so it tells costs of two processors apart.
    """
    matrix = np.ones((side, side), np.float32)
    runs = []
    for _ in range(RUNS + 1):
        began = time.process_time()
        matrix @ matrix
        runs.append(time.process_time() - began)
    return float(2 * side**3 / min(runs))


def peak_bytes() -> int:
    """The largest resident set of this process or of one that it started, in bytes.

    Linux's `ru_maxrss` of a new process starts at its parent's, so its own peak is read from
    /proc. For a command it is the best there is, and this process is small.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(children, _own_peak(Path("/proc/self/status"), unit))


def _own_peak(status: Path, unit: int) -> int:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    (peak,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024
