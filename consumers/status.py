"""What the consumer says of itself: working, or waiting for whom and since when."""

import logging
from dataclasses import dataclass

from infra.clock import Clock, utc_now
from infra.database.models import PartState
from infra.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Condition:
    """One moment's state, replaced as a whole: threads read it without a lock."""

    state: PartState
    detail: str


class Status:
    """The consumer's condition, and a log line at each change."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._since = ""
        self.condition = Condition(PartState.STARTING, "")

    def running(self) -> None:
        """Nothing is in the way."""
        if self.condition.state is PartState.WAITING:
            log.info("goes on")
        self.condition = Condition(PartState.RUNNING, "")

    def waiting(self, error: Unavailable) -> None:
        """A part is away."""
        if self.condition.state is not PartState.WAITING:
            self._since = self._clock().strftime("%H:%M:%S UTC")
        detail = f"since {self._since}: {error}"
        if detail != self.condition.detail:
            log.warning("waits %s", detail)
        self.condition = Condition(PartState.WAITING, detail)
