"""How the system runs: its parts, its speed, its lag."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import not_, or_, select
from sqlalchemy.orm import Session

from infra.database.models import LagSample, Part, PartState, Result
from infra.parts import MISSED, PASSING

STAGES = ("queue", "decode", "tile", "model", "join", "store")
"""What a picture goes through, in this order; each is a column of ``results``."""

NEWEST_RESULTS = 5_000
"""Results that throughput and latency are measured on at most: read in about 50 ms."""

NEWEST_SAMPLES = 5_000
"""Lag samples that are read at most: an hour of 10 partitions sampled every 10 s fits."""


# The running parts


@dataclass(frozen=True)
class PartRow:
    """What a part, or its supervisor, last said of it."""

    name: str
    state: PartState
    detail: str
    version: str
    restarts: int
    changed_at: datetime
    seen_at: datetime


def parts(session: Session, now: datetime) -> list[PartRow]:
    """All parts that ever said something, by name, but for consumers that nobody misses."""
    missed = or_(not_(Part.name.startswith(PASSING)), Part.seen_at > now - MISSED)
    rows = session.scalars(select(Part).where(missed).order_by(Part.name))
    return [
        PartRow(
            part.name,
            part.state,
            part.detail,
            part.version,
            part.restarts,
            part.changed_at,
            part.seen_at,
        )
        for part in rows
    ]


# Throughput and latency


@dataclass(frozen=True)
class Doubling:
    """One stored result: when, how large, and how long each stage took."""

    stored_at: datetime
    pixels: int
    """Of the result."""
    seconds: tuple[float, ...]
    """One for each of STAGES."""


def doublings(session: Session, since: datetime) -> list[Doubling]:
    """The results stored since then, oldest first; of more than NEWEST_RESULTS the newest."""
    rows = session.execute(
        select(
            Result.stored_at,
            Result.width * Result.height,
            *(getattr(Result, f"{stage}_s") for stage in STAGES),
        )
        .where(Result.stored_at >= since)
        .order_by(Result.stored_at.desc())
        .limit(NEWEST_RESULTS)
    )
    newest_first = [
        Doubling(stored_at, pixels, tuple(seconds)) for stored_at, pixels, *seconds in rows
    ]
    return newest_first[::-1]


# Lag


@dataclass(frozen=True)
class Lag:
    """How far one partition was behind when it was last sampled."""

    topic: str
    partition: int
    records: int
    seconds: float
    taken_at: datetime


@dataclass(frozen=True)
class LagHistory:
    """Lag over a window."""

    partitions: dict[tuple[str, int], list[Lag]]
    """The samples of each partition, oldest first, by topic and partition."""
    seconds: list[float]
    """Of each moment sampled, oldest first, the worst partition's."""
    taken_at: datetime | None
    """When last something was sampled; None if nothing was."""


def lag(session: Session, since: datetime) -> LagHistory:
    """The samples taken since then; of more than NEWEST_SAMPLES the newest."""
    rows = session.execute(
        select(
            LagSample.topic,
            LagSample.partition,
            LagSample.end_offset - LagSample.committed_offset,
            LagSample.seconds_behind,
            LagSample.taken_at,
        )
        .where(LagSample.taken_at >= since)
        .order_by(LagSample.taken_at.desc())
        .limit(NEWEST_SAMPLES)
    )
    samples = [Lag(*row) for row in rows][::-1]
    partitions: dict[tuple[str, int], list[Lag]] = defaultdict(list)
    worst: dict[datetime, float] = defaultdict(float)
    for sample in samples:
        partitions[sample.topic, sample.partition].append(sample)
        worst[sample.taken_at] = max(worst[sample.taken_at], sample.seconds)
    taken_at = samples[-1].taken_at if samples else None
    return LagHistory(dict(sorted(partitions.items())), list(worst.values()), taken_at)
