"""Energy used by what we run: read where the machine tells it, else estimated, and labelled so."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the processors' energy counters (RAPL)."""

WATTS_A_CORE = 5.0
"""Estimate for one busy virtual core: a 96-core AMD EPYC 9654 is rated at 360 W for its 192
threads, 2 W each; memory, fans and losses more than double it."""


class Meter(Protocol):
    """Counts joules from some moment on."""

    @property
    def source(self) -> str:
        """How it knows: `RAPL`, `NVML` or `estimated`."""

    def joules(self) -> float:
        """Joules since that moment; only differences mean anything."""


@dataclass
class Rapl:
    """The counters of whole processor packages: other processes' work is in them, too."""

    packages: Sequence[Path]
    source: str = "RAPL"
    _last: dict[Path, int] = field(default_factory=dict)
    _total: int = 0

    def joules(self) -> float:
        for package in self.packages:
            now = _number(package / "energy_uj")
            step = now - self._last.get(package, now)
            if step < 0:  # the counter began anew
                step += _number(package / "max_energy_range_uj")
            self._total += step
            self._last[package] = now
        return self._total / 1e6


@dataclass(frozen=True)
class Nvml:
    """The counter of the first NVIDIA graphics processor; the processor's share is not in it."""

    device: object
    source: str = "NVML"

    def joules(self) -> float:
        import pynvml

        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(self.device)) / 1e3


@dataclass(frozen=True)
class Estimate:
    """The CPU seconds of this process and of those that it started, at WATTS_A_CORE."""

    source: str = "estimated"

    def joules(self) -> float:
        return cpu_seconds() * WATTS_A_CORE


def cpu_seconds() -> float:
    """That this process and its ended children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def meter(powercap: Path = POWERCAP) -> Meter:
    """The best one that can be read here."""
    if device := _nvidia():
        return Nvml(device)
    packages = [zone for zone in sorted(powercap.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    try:
        for package in packages:
            _number(package / "energy_uj")
    except OSError:  # Linux lets only root read it
        return Estimate()
    return Rapl(packages) if packages else Estimate()


def _nvidia() -> object | None:
    import pynvml

    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByIndex(0)  # type: ignore[no-any-return]
    except pynvml.NVMLError:
        return None


def _number(file: Path) -> int:
    return int(file.read_text())
