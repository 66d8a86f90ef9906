"""The circuit breaker: while a part is away, one asks for all, less and less often.

Closed, everybody passes. The first failure opens it: whoever needs the part waits. After a rest,
one at a time goes ahead (half open); what comes of it closes the breaker or lets it rest longer.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from consumers.halt import Halt
from infra.clock import Clock, utc_now
from infra.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_S = 0.05
"""How soon the others notice what came of the one who went ahead."""


@dataclass(frozen=True)
class WaitPolicy:
    """How long to wait for a part that is away before asking again."""

    first_s: float = 0.25
    longest_s: float = 5.0
    """A part that came back is noticed within this time."""

    def wait_s(self, refusals: int) -> float:
        """Doubled with each refusal, counted from 1; with jitter, so that not all ask at once."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(refusals - 1, 10))
        return random.uniform(longest / 2, longest)


@dataclass(frozen=True)
class Trouble:
    """A part that is away."""

    part: str
    since: datetime
    says: str
    refusals: int = 1

    def __str__(self) -> str:
        since = self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"waiting for {self.part} since {since}: {self.says}"


class Breaker:
    """One for all parts: a picture needs each of them, so without one there is nothing to do."""

    def __init__(
        self,
        halt: Halt,
        policy: WaitPolicy | None = None,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._halt = halt
        self._policy = policy or WaitPolicy()
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._troubles: dict[str, Trouble] = {}
        self._ahead = False
        """Whether somebody is trying out whether the parts are back."""
        self._next_try = 0.0

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The parts that are away, the longest first."""
        return tuple(self._troubles.values())

    def insist(self, action: Callable[[], T]) -> T:
        """Do it, as often as it takes; what it did before it failed must bear repeating.

        Raises:
            HandedBack: the consumer stops.
        """
        while True:
            try:
                with self._passage():
                    return action()
            except Unavailable:
                continue  # noted by the passage, which the next turn waits at

    def answered(self, parts: Collection[str] | None = None) -> None:
        """These parts, or all, have just done what was asked of them."""
        with self._lock:
            for part in list(self._troubles) if parts is None else parts:
                if self._troubles.pop(part, None):
                    log.info("%s is back", part)

    @contextmanager
    def _passage(self) -> Iterator[None]:
        ahead = self._enter()
        try:
            yield
        except Unavailable as error:
            self._failed(error, ahead)
            raise
        finally:
            if ahead:
                self._ahead = False

    def _enter(self) -> bool:
        """Wait for a turn; answers whether it is that of the one who goes ahead."""
        while True:
            with self._lock:
                if not self._troubles:
                    return False
                rest = self._next_try - self._monotonic()
                if rest <= 0 and not self._ahead:
                    self._ahead = True
                    return True
            self._halt.rest(max(rest, _LOOK_S))

    def _failed(self, error: Unavailable, ahead: bool) -> None:
        with self._lock:
            known = self._troubles.get(error.part)
            if known is None:
                trouble = Trouble(error.part, self._clock(), str(error))
                log.warning("%s", trouble)
            else:
                # Those who were on their way when it opened say nothing new.
                trouble = replace(known, says=str(error), refusals=known.refusals + ahead)
            self._troubles[error.part] = trouble
            self._next_try = self._monotonic() + self._policy.wait_s(trouble.refusals)
