"""How long each stage of one picture took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

STAGES = ("decode", "tile", "model", "join", "store")


@dataclass
class Timings:
    """Seconds for each stage, by a monotonic clock."""

    queue_s: float
    """From sending to the start of the work, by the time of day: it spans two machines."""
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what happens inside to a stage."""
        start = self.clock()
        try:
            yield
        finally:
            self.seconds[name] += self.clock() - start

    @property
    def all_seconds(self) -> dict[str, float]:
        """Of every stage, the queue first."""
        return {"queue": self.queue_s, **self.seconds}

    @property
    def total_s(self) -> float:
        """Everything after the queue."""
        return sum(self.seconds.values())
