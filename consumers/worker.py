"""Brings one record after the other to its end, however long the parts it needs are away."""

import random
from dataclasses import dataclass

from consumers.pipeline import Journey, Pipeline
from consumers.record import Record
from consumers.status import Status
from infra.errors import Unavailable


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


class Worker:
    """Settles records, one at a time."""

    def __init__(
        self, pipeline: Pipeline, status: Status, wait_policy: WaitPolicy | None = None
    ) -> None:
        self._pipeline = pipeline
        self._status = status
        self._wait_policy = wait_policy or WaitPolicy()

    def settle(self, record: Record) -> None:
        """Return once the record has its end in the books, and was announced.

        Raises:
            HandedBack: the consumer stops; the record has no end yet.
        """
        journey = Journey(self._pipeline, record)
        refusals = 0
        while True:
            try:
                journey.run()
            except Unavailable as error:
                refusals += 1
                self._status.waiting(error)
                self._pipeline.halt.rest(self._wait_policy.wait_s(refusals))
            else:
                self._status.running()
                return
