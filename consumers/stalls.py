"""Alerts of partitions that stand still, raised and cleared beside the loop.

A database that is locked or away keeps the loop from nothing: a thread writes what the loop saw,
in its order, as soon as that can be written.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from consumers.halt import Halt, HandedBack
from consumers.in_flight import Place
from consumers.metrics import STALLS
from consumers.watchdog import Stand
from infra.alerts import Alerts
from infra.database.engine import DatabaseUnavailable
from infra.database.models import AlertKind

log = logging.getLogger(__name__)

_AGAIN_S = 1.0
"""How long to wait for a database that is away."""
_LAST_S = 1.0
"""How long a writing under way may take when the consumer stops."""


class Stalls:
    """What the operator is told of partitions; called by the loop, and never keeps it waiting."""

    def __init__(self, alerts: Alerts, halt: Halt) -> None:
        self._alerts = alerts
        self._halt = halt
        self._moving = set[Place]()
        self._seen = SimpleQueue[Callable[[], None] | None]()
        self._thread = threading.Thread(target=self._write, name="stalls", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stands_still(self, place: Place, stand: Stand) -> None:
        """It did not move although there is something to take."""
        detail = f"stood at offset {stand.position} of {stand.end}; connected to Kafka anew"
        log.error("%s %s %s", *place, detail)
        self._moving.discard(place)
        STALLS.labels(place[0]).inc()
        self._seen.put(partial(self._alerts.raise_alert, AlertKind.STALLED, subject(place), detail))

    def moves(self, place: Place) -> None:
        """Ends the alert of a stall, of this process or of one before it."""
        if place not in self._moving:
            self._moving.add(place)
            self._seen.put(partial(self._alerts.clear, AlertKind.STALLED, subject(place)))

    def stop(self) -> None:
        """Write what can be written at once."""
        self._seen.put(None)
        self._thread.join(_LAST_S)

    def _write(self) -> None:
        while write := self._seen.get():
            try:
                self._insist(write)
            except HandedBack:
                return

    def _insist(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return write()
            except DatabaseUnavailable as error:
                log.debug("no word of a partition yet: %s", error)
                self._halt.rest(_AGAIN_S)


def subject(place: Place) -> str:
    """A partition, as alerts name it."""
    topic, partition = place
    return f"{topic} {partition}"
