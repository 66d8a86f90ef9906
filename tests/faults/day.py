"""What a day's drills and soaks found, kept so that a later session of the day adds to it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infra.books import Account


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

    def slope_per_hour(self, held: str) -> float:
        """How fast something grew in the second half, when all is warm: least squares."""
        half = [it for it in self.samples if it.at_s >= self.samples[-1].at_s / 2]
        hours = np.array([it.at_s for it in half]) / 3600
        values = np.array([getattr(it, held) for it in half], dtype=float)
        return float(np.polyfit(hours, values, 1)[0])


@dataclass
class Day:
    """By the tests' names: one that is run again replaces what it found before."""

    rows: dict[str, Row] = field(default_factory=dict)
    soaks: dict[str, Soak] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> "Day":
        """As it was kept; empty if it was not."""
        text = file.read_text()
        if not text:
            return cls()
        kept = json.loads(text)
        return cls(
            {name: _row(row) for name, row in kept["rows"].items()},
            {name: _soak(soak) for name, soak in kept["soaks"].items()},
            kept["failed"],
        )

    def keep(self, file: Path) -> None:
        """Write it down."""
        file.write_text(json.dumps(asdict(self), indent=1))

    def add(self, session: "Day", run: set[str]) -> None:
        """A later session, and which tests it ran."""
        self.rows |= session.rows
        self.soaks |= session.soaks
        self.failed = [name for name in self.failed if name not in run] + session.failed


def _row(kept: dict[str, Any]) -> Row:
    return Row(**kept | _accounts(kept, "before", "after"))


def _soak(kept: dict[str, Any]) -> Soak:
    samples = tuple(Sample(**it) for it in kept["samples"])
    return Soak(**kept | {"samples": samples} | _accounts(kept, "after"))


def _accounts(kept: dict[str, Any], *names: str) -> dict[str, Any]:
    accounts = {name: Account(**kept[name]) for name in names}
    return accounts | {"differences": tuple(kept["differences"])}
