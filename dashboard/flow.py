"""Throughput and latency, computed from what was stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from dashboard.queries.running import NEWEST_RESULTS, STAGES, Doubling

BARS = 30
"""Bars of a sparkline: as many as can be told apart in a card."""


WHOLE = "in all"
"""What the latency of all stages together is called."""


@dataclass(frozen=True)
class Throughput:
    """What was doubled in a window."""

    pictures: int
    per_minute: float
    megapixels_per_second: float
    """Of results, over the whole window: idle time counts."""
    pictures_over_time: list[int]
    """Pictures in each of BARS equal parts of the window, oldest first."""
    megapixels_over_time: list[float]
    whole_window: bool
    """False where there were more results than are read: it is then measured on the newest."""


@dataclass(frozen=True)
class StageLatency:
    """How long one stage took, in seconds."""

    stage: str
    p50: float
    p95: float
    p99: float


def throughput(doublings: Sequence[Doubling], window: timedelta, now: datetime) -> Throughput:
    """Rates over the window, or over the part of it that the newest results cover."""
    whole = len(doublings) < NEWEST_RESULTS
    span = window if whole else now - doublings[0].stored_at
    seconds = max(span.total_seconds(), 1.0)
    pictures, megapixels = [0] * BARS, [0.0] * BARS
    for doubling in doublings:
        age = (now - doubling.stored_at).total_seconds()
        bar = min(max(BARS - 1 - int(age / seconds * BARS), 0), BARS - 1)
        pictures[bar] += 1
        megapixels[bar] += doubling.pixels / 1e6
    return Throughput(
        pictures=len(doublings),
        per_minute=len(doublings) / (seconds / 60),
        megapixels_per_second=sum(megapixels) / seconds,
        pictures_over_time=pictures,
        megapixels_over_time=megapixels,
        whole_window=whole,
    )


def latencies(doublings: Sequence[Doubling]) -> list[StageLatency]:
    """Percentiles of each stage and of the whole; empty without results."""
    if not doublings:
        return []
    columns = list(zip(*(doubling.seconds for doubling in doublings), strict=True))
    totals = [sum(doubling.seconds) for doubling in doublings]
    stages = [_latency(stage, column) for stage, column in zip(STAGES, columns, strict=True)]
    return [*stages, _latency(WHOLE, totals)]


def _latency(stage: str, seconds: Sequence[float]) -> StageLatency:
    if len(seconds) == 1:
        return StageLatency(stage, seconds[0], seconds[0], seconds[0])
    percentiles = quantiles(seconds, n=100, method="inclusive")
    return StageLatency(stage, percentiles[49], percentiles[94], percentiles[98])
