"""Works the backfill off: day by day, the newest first, as fast as the budget lets it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.settings import Settings
from producers.apod.budget import Budget
from producers.backfill import Backfill
from producers.ledger import Ledger
from producers.publishing import Publisher, open_budget, open_publisher

_NOW = timedelta(0)
_LOOK = timedelta(seconds=1)
"""How soon it is noticed that the backfill goes on again, or a day's time has come."""
_SHORT = timedelta(seconds=15)
"""A wait that is not worth giving the connections back for."""


class Backfiller:
    """One worker. Several do no harm: the ledger gives each day to one, the budget counts all."""

    def __init__(
        self,
        backfill: Backfill,
        budget: Budget,
        ledger: Ledger,
        publisher: Publisher,
        clock: Clock = utc_now,
    ) -> None:
        self._backfill = backfill
        self._budget = budget
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock

    def step(self) -> timedelta | None:
        """Deal with one day, if it is time to.

        Returns:
            How long nothing is to be done then; None where every day has ended.

        Raises:
            DatabaseUnavailable: a later step goes on.
        """
        goes_on_at = self._ledger.backfill_goes_on_at()
        if goes_on_at is None:
            return None
        leave = self._backfill.leave()
        if leave.paused:
            return _LOOK
        now = self._clock()
        rests_until = leave.rests_until or now
        wait = max(self._budget.wait(), rests_until - now, goes_on_at - now)
        if wait > _NOW:
            return wait
        day = self._ledger.next_of_backfill()
        claim = self._ledger.claim(day) if day else None
        if claim is not None:
            self._backfill.note(self._publisher.publish(claim), leave)
        return _NOW

    def work(self, stop: threading.Event) -> None:
        """Deal with days until none is due for some time, or told to stop."""
        while not stop.is_set():
            wait = self.step()
            if wait is None or wait > _SHORT:
                return
            stop.wait(min(wait, _LOOK).total_seconds())


@contextmanager
def open_backfiller(
    settings: Settings, database: Database, clock: Clock = utc_now
) -> Iterator[Backfiller]:
    """A worker with the configured service, blob store and Kafka; closed at the end.

    Raises:
        BlobStoreUnavailable: there is no store to put a picture into.
    """
    budget = open_budget(settings, database, clock)
    ledger = Ledger(database, clock)
    with open_publisher(settings, database, clock) as publisher:
        yield Backfiller(Backfill(database, budget, clock), budget, ledger, publisher, clock)


def open_backfill(settings: Settings, database: Database, clock: Clock = utc_now) -> Backfill:
    """The backfill of this database, to be looked at and steered."""
    return Backfill(database, open_budget(settings, database, clock), clock)
