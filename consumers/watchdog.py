"""Notices a partition that stands still although there is something to take."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consumers.in_flight import Place


@dataclass(frozen=True)
class WatchPolicy:
    """When a partition has stalled."""

    stalled_s: float = 60.0
    """Much longer than a rebalance or a broker's restart takes, which stop partitions rightly."""
    look_s: float = 10.0
    """How often Kafka is asked for the partitions' ends."""


@dataclass(frozen=True)
class Stand:
    """How far a partition that we want records of has come."""

    position: int
    """The next offset that we would take."""
    end: int


class Watchdog:
    """Told regularly how the partitions stand, it tells which have stalled."""

    def __init__(
        self, policy: WatchPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy or WatchPolicy()
        self._clock = clock
        self._looked_at = clock()
        self._still_since: dict[Place, tuple[int, float]] = {}

    @property
    def due(self) -> bool:
        """Whether it wants to be told again."""
        return self._clock() - self._looked_at >= self._policy.look_s

    def stalled(self, stands: Mapping[Place, Stand]) -> set[Place]:
        """Of the partitions that we want records of now, those that give none.

        One that is left out (paused, or gone) starts anew when it is told of again.
        """
        now = self._looked_at = self._clock()
        still = {}
        for place, stand in stands.items():
            position, since = self._still_since.get(place, (stand.position, now))
            waits = stand.end > stand.position
            still[place] = (stand.position, since if waits and stand.position == position else now)
        self._still_since = still
        return {
            place for place, (_, since) in still.items() if now - since >= self._policy.stalled_s
        }
