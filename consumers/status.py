"""What the consumer says of itself: working, or waiting for whom and since when."""

import logging

from infra.clock import Clock, utc_now
from infra.database.models import PartState
from infra.errors import Unavailable
from infra.parts import Condition

log = logging.getLogger(__name__)


class Status:
    """The consumer's condition, and a log line at each change."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._since = ""
        self.condition = Condition(PartState.STARTING)

    def running(self) -> None:
        """Nothing is in the way."""
        if self.condition.state is PartState.WAITING:
            log.info("goes on")
        self.condition = Condition(PartState.RUNNING)

    def waiting(self, error: Unavailable) -> None:
        """A part is away."""
        if self.condition.state is not PartState.WAITING:
            self._since = self._clock().strftime("%H:%M:%S UTC")
        detail = f"since {self._since}: {error}"
        if detail != self.condition.detail:
            log.warning("waits %s", detail)
        self.condition = Condition(PartState.WAITING, detail)
