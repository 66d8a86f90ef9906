"""When a partition will have caught up, from the samples of its lag."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.queries.running import Lag
from producers.lag import SAMPLE_SECONDS

RATE_WINDOW = timedelta(minutes=5)
"""Rates are taken over this: long enough for a few large pictures, short enough to be of now."""
STALE = timedelta(seconds=3 * SAMPLE_SECONDS)
"""A sample that is older says nothing of now: whoever takes them, the scheduler, does not."""
POINTS = 40
"""Points of a trend: as many as a cell of a table can show."""


@dataclass(frozen=True)
class Drain:
    """How one partition stands, and where it is going."""

    records: int
    """That wait."""
    seconds_behind: float
    """Age of the oldest of them."""
    taken_at: datetime
    trend: list[float]
    """Seconds behind over the samples, oldest first, POINTS at most."""
    drained_in: float | None
    """Seconds until nothing waits, if it goes on as in RATE_WINDOW; None if it never would."""


def drain(samples: Sequence[Lag]) -> Drain:
    """Of one partition's samples, oldest first; there is at least one."""
    last = samples[-1]
    step = -(-len(samples) // POINTS)
    return Drain(
        records=last.records,
        seconds_behind=last.seconds,
        taken_at=last.taken_at,
        # The worst of each stretch: what a thinned line must not leave out.
        trend=[
            max(sample.seconds for sample in samples[start : start + step])
            for start in range(0, len(samples), step)
        ],
        drained_in=_drained_in(samples),
    )


def stale(taken_at: datetime, now: datetime) -> bool:
    """Whether samples fail to come since then."""
    return now - taken_at > STALE


def _drained_in(samples: Sequence[Lag]) -> float | None:
    last = samples[-1]
    if not last.records:
        return 0.0
    first = next(it for it in samples if it.taken_at >= last.taken_at - RATE_WINDOW)
    seconds = (last.taken_at - first.taken_at).total_seconds()
    fewer = first.records - last.records
    return last.records * seconds / fewer if fewer > 0 else None
