"""What of a consumer comes and goes, read from memory whenever somebody scrapes."""

from collections.abc import Callable
from dataclasses import dataclass

from consumers.breaker import Breaker
from consumers.memory import Memory
from consumers.metrics import BREAKER_OPEN, CONSUMER, DISK_FREE, DISK_SIZE, MEMORY
from infra.blobs import BlobStoreUnavailable
from infra.clock import Clock, utc_now
from infra.database.engine import DatabaseUnavailable
from infra.disks import Space
from infra.eventlog.clients import EventLogUnavailable
from serving.errors import ModelServerUnavailable

_NEEDED = (
    EventLogUnavailable.part,
    DatabaseUnavailable.part,
    BlobStoreUnavailable.part,
    ModelServerUnavailable.part,
)
"""Shown whether or not they are waited for; what else is waited for is shown while it is."""


@dataclass(frozen=True)
class Gauges:
    """Of one consumer."""

    breaker: Breaker
    memory: Memory
    spaces: Callable[[], dict[str, Space]]
    clock: Clock = utc_now

    def refresh(self) -> None:
        """Set them to what is so now."""
        now = self.clock()
        waits: dict[tuple[str, ...], float] = {(part,): 0.0 for part in _NEEDED}
        for trouble in self.breaker.troubles:
            waits[(trouble.part,)] = (now - trouble.since).total_seconds()
        CONSUMER.put(BREAKER_OPEN, waits)
        MEMORY.labels("pictures").set(self.memory.held)
        spaces = self.spaces()
        CONSUMER.put(DISK_FREE, {(name,): space.free for name, space in spaces.items()})
        CONSUMER.put(DISK_SIZE, {(name,): space.size for name, space in spaces.items()})
