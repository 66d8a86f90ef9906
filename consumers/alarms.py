"""Alerts of a consumer's own: it has waited for too long, or a disk of its is nearly full."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from consumers.breaker import Breaker
from infra.alerts import Alerts, Findings
from infra.clock import Clock, utc_now
from infra.database.engine import DatabaseUnavailable
from infra.database.models import AlertKind
from infra.disks import Space
from infra.settings import MEBIBYTE, Settings

log = logging.getLogger(__name__)

_LOOK_S = 5.0
"""As often as it beats."""
_LAST_S = 1.0
"""How long a look under way may take when the consumer stops."""


@dataclass(frozen=True)
class AlarmPolicy:
    """From when on a person must know."""

    waits: timedelta
    free_percent: float

    @classmethod
    def of(cls, settings: Settings) -> "AlarmPolicy":
        """As the settings have it."""
        waits = timedelta(seconds=settings.alert_waiting_seconds)
        return cls(waits, settings.alert_disk_free_percent)


class Alarms:
    """Of one consumer, by its name."""

    def __init__(
        self,
        name: str,
        breaker: Breaker,
        spaces: Callable[[], dict[str, Space]],
        policy: AlarmPolicy,
        alerts: Alerts,
        clock: Clock = utc_now,
    ) -> None:
        self._owner = f"{name}: "
        self._breaker = breaker
        self._spaces = spaces
        self._policy = policy
        self._waiting = Findings(alerts, AlertKind.WAITING, self._owner)
        self._full = Findings(alerts, AlertKind.DISK, self._owner)
        self._clock = clock

    def look(self) -> None:
        """Once.

        Raises:
            DatabaseUnavailable: nobody can be told now.
        """
        now = self._clock()
        self._waiting.tell(
            {
                self._owner + trouble.part: str(trouble)
                for trouble in self._breaker.troubles
                if now - trouble.since > self._policy.waits
            }
        )
        self._full.tell(
            {
                f"{self._owner}disk of {name}": f"{space.free_percent:.1f} % are left, "
                f"{space.free // MEBIBYTE:,} MiB"
                for name, space in self._spaces().items()
                if space.free_percent < self._policy.free_percent
            }
        )

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look again and again meanwhile, from a thread of its own."""
        stop = threading.Event()
        thread = threading.Thread(target=self._keep_looking, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_LAST_S)
            self._pass()

    def _pass(self) -> None:
        """Who is gone waits for nobody, and fills no disk."""
        try:
            self._waiting.tell({})
            self._full.tell({})
        except DatabaseUnavailable as error:
            log.debug("alarms stand that have passed: %s", error)

    def _keep_looking(self, stop: threading.Event) -> None:
        while not stop.wait(_LOOK_S):
            try:
                self.look()
            except DatabaseUnavailable as error:
                log.debug("no word of an alarm yet: %s", error)
