"""The page that `make gameday` writes."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import numpy as np

from infra.books import Account

_ROWS_OF_A_SOAK = 16
"""So many samples are shown, of however many were taken."""


@dataclass(frozen=True)
class Row:
    """What one drill found."""

    fault: str
    broker: str
    broken: str
    """What was broken, in words."""
    broken_s: float
    before: Account
    after: Account
    differences: tuple[str, ...]
    """The verifier's; none if every offset has exactly one end."""
    recovered_s: float
    """From the mending to the last commit."""


@dataclass(frozen=True)
class Sample:
    """What a consumer's process held at one moment."""

    at_s: float
    resident_mib: float
    descriptors: int
    connections: int
    threads: int
    settled: int
    """Records that had their end."""
    waiting: int
    """Records that had none."""


@dataclass(frozen=True)
class Soak:
    """A long time at rated load."""

    broker: str
    load: str
    samples: tuple[Sample, ...]
    after: Account
    differences: tuple[str, ...]

    def slope_per_hour(self, field: str) -> float:
        """How fast something grew in the second half, when all is warm: least squares."""
        half = [it for it in self.samples if it.at_s >= self.samples[-1].at_s / 2]
        times = np.array([it.at_s for it in half]) / 3600
        values = np.array([getattr(it, field) for it in half], dtype=float)
        return float(np.polyfit(times, values, 1)[0])


def written(now: datetime, rows: Sequence[Row], soaks: Sequence[Soak], *, failed: int) -> str:
    """The page in Markdown."""
    return "\n".join(_lines(now, rows, soaks, failed)) + "\n"


def _lines(now: datetime, rows: Sequence[Row], soaks: Sequence[Soak], failed: int) -> Iterator[str]:
    yield f"# Game day of {now:%Y-%m-%d}"
    yield ""
    yield f"Written by `make gameday` at {now:%H:%M} UTC, on {_machine()}, by Doublet"
    yield f"{version('doublet')}. {len(rows)} drills and {len(soaks)} soaks; {_failures(failed)}."
    if rows:
        yield from _faults(rows)
    for soak in soaks:
        yield from _soak(soak)


def _machine() -> str:
    return f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _failures(failed: int) -> str:
    return f"{failed} of the tests failed" if failed else "no test failed"


def _faults(rows: Iterable[Row]) -> Iterator[str]:
    yield ""
    yield "## Faults"
    yield ""
    yield "Books: accepted = done + duplicate + dead + in flight (and deleted, where Kafka deleted"
    yield "what was not delivered). *Differences* are the verifier's, of `doublet books --verify`:"
    yield "offsets that have no end, or two. *Back after*: from the mending to the last commit."
    yield ""
    yield (
        "| fault | broker | what was broken | for | books before | books after "
        "| differences | back after |"
    )
    yield "|---|---|---|---:|---|---|---:|---:|"
    for row in rows:
        yield (
            f"| {row.fault} | {row.broker} | {row.broken} | {row.broken_s:.1f} s "
            f"| {_books(row.before)} | {_books(row.after)} | {len(row.differences)} "
            f"| {row.recovered_s:.1f} s |"
        )


def _books(account: Account) -> str:
    ends = {
        "done": account.done,
        "duplicate": account.duplicate,
        "dead": account.dead,
        "in flight": account.in_flight,
        "deleted": account.deleted,
        "**differ**": account.difference,
    }
    said = " + ".join(f"{count} {name}" for name, count in ends.items() if count)
    return f"{account.accepted} = {said or 0}"


def _soak(soak: Soak) -> Iterator[str]:
    minutes = soak.samples[-1].at_s / 60
    yield ""
    yield f"## Soak of {minutes:.0f} minutes on {soak.broker}"
    yield ""
    yield f"{soak.load}."
    yield ""
    yield f"Books afterwards: {_books(soak.after)}; {len(soak.differences)} differences."
    yield ""
    yield "| minute | settled | waiting | memory, MiB | file descriptors | connections | threads |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    step = max(1, (len(soak.samples) - 1) // _ROWS_OF_A_SOAK)
    for it in soak.samples[::step]:
        yield (
            f"| {it.at_s / 60:.1f} | {it.settled} | {it.waiting} | {it.resident_mib:.1f} "
            f"| {it.descriptors} | {it.connections} | {it.threads} |"
        )
    memory, descriptors, connections = (
        soak.slope_per_hour(field) for field in ("resident_mib", "descriptors", "connections")
    )
    yield ""
    yield (
        f"Slope in the second half, by least squares over {len(soak.samples) // 2} samples: memory "
        f"{memory:+.2f} MiB an hour, file descriptors {descriptors:+.2f}, connections "
        f"{connections:+.2f}."
    )
