"""What the consumer says of itself: working, or waiting for whom and since when."""

import time
from collections.abc import Callable

from consumers.breaker import Breaker
from infra.database.models import PartState
from infra.health import Answer
from infra.parts import Condition

_ALIVE_S = 60.0
"""The loop turns twice a second. Questions to a Kafka that is away take seconds, not a minute."""


class Status:
    """The consumer's condition, for its heartbeat and for whoever probes it."""

    def __init__(self, breaker: Breaker, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._monotonic = monotonic
        self._state = PartState.STARTING
        self._turned_at: float | None = None

    def turned(self) -> None:
        """The loop has come round."""
        self._turned_at = self._monotonic()
        self._state = PartState.RUNNING

    @property
    def condition(self) -> Condition:
        """At this moment."""
        troubles = self._breaker.troubles
        if troubles:
            return Condition(PartState.WAITING, "; ".join(str(trouble) for trouble in troubles))
        return Condition(self._state)

    def lives(self) -> Answer:
        """Whether the loop still turns, or has not begun to."""
        turns = self._turned_at is None or self._monotonic() - self._turned_at < _ALIVE_S
        return Answer(turns, "alive" if turns else "the loop has stopped turning")

    def is_ready(self) -> Answer:
        """Whether it works, or for whom it waits."""
        condition = self.condition
        working = condition.state is PartState.RUNNING
        return Answer(working, condition.detail or condition.state.value)
