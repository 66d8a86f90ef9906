"""What doubling costs: time, memory and energy, each subject alone in a process of its own."""

import multiprocessing
import os
import pickle
import platform
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
from training.degradation import Picture
from training.evaluation.subjects import Opener

SIDE = 256
"""Of the timed picture, in pixels: a tile of the consumer's default settings."""

RUNS = 3
"""The quietest counts: others may be using the machine."""

WATTS_PER_CORE = 5.0
"""For the estimate of energy: between a server's core (280 W / 64) and a laptop's (28 W / 4)."""

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the processor's own count of energy (RAPL), if it is allowed to."""


@dataclass(frozen=True)
class Cost:
    """Of one megapixel of input, but for the memory, which one picture of 256x256 took."""

    seconds: float
    cpu_seconds: float
    """Of all threads, and of the processes that a command started."""
    peak_bytes: int
    """The process's largest resident set, with the libraries that it loaded."""
    joules: float
    energy_measured: bool
    """By RAPL, for the whole processor and all that ran on it; else estimated from CPU time."""


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
    seconds, cpu_seconds = (min(column) for column in list(zip(*runs, strict=True))[:2])
    measured = [joules for _, _, joules in runs if joules is not None]
    joules = min(measured) if measured else cpu_seconds * WATTS_PER_CORE
    megapixels = side**2 / 1e6
    return Cost(
        seconds / megapixels,
        cpu_seconds / megapixels,
        peak_bytes(),
        joules / megapixels,
        bool(measured),
    )


def _run(
    double: Callable[[Picture], Picture], picture: Picture
) -> tuple[float, float, float | None]:
    counters = energy_counters()
    energy, cpu, began = readings(counters), cpu_time(), time.perf_counter()
    double(picture)
    seconds, cpu_seconds = time.perf_counter() - began, cpu_time() - cpu
    return seconds, cpu_seconds, joules_between(counters, energy, readings(counters))


def cpu_time() -> float:
    """Seconds of CPU that this process and its ended children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


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


def energy_counters(root: Path = POWERCAP) -> list[Path]:
    """One counter of each processor, as far as this user may read them."""
    found = sorted(root.glob("intel-rapl:?/energy_uj"))
    return [path for path in found if os.access(path, os.R_OK)]


def readings(counters: list[Path]) -> list[int]:
    """What the counters show, in microjoules."""
    return [int(counter.read_text()) for counter in counters]


def joules_between(counters: list[Path], before: list[int], after: list[int]) -> float | None:
    """What all counters rose by; None without any. A counter starts anew at its range."""
    if not counters:
        return None
    total = 0
    for counter, first, last in zip(counters, before, after, strict=True):
        span = int((counter.parent / "max_energy_range_uj").read_text())
        total += (last - first) % span
    return total / 1e6


def cpu_lines() -> list[str]:
    """What Linux says of the processor; empty elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def processor() -> str:
    """The machine that was measured on."""
    names = [x.partition(":")[2].strip() for x in cpu_lines() if x.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} threads"


def has_bfloat16() -> bool:
    """Whether the processor computes in it; elsewhere it is emulated, and its times say nothing."""
    flags = {flag for line in cpu_lines() if line.startswith("flags") for flag in line.split()}
    return bool(flags & {"avx512_bf16", "amx_bf16"})
