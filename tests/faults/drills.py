"""One fault after the other: what was broken, for how long, and the books before and after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.books import Account
from tests.consumers.consuming import Site, wait_until
from tests.faults.day import Day, Row


class Drill:
    """Breaks something once, and requires that the books balance afterwards."""

    def __init__(self, test: str, fault: str, broker: str, site: Site, day: Day) -> None:
        self._test = test
        self._fault = fault
        self._broker = broker
        self._site = site
        self._day = day
        self._before = Account()
        self._broken = ""
        self._began = self._mended = 0.0

    @contextmanager
    def broken(self, what: str) -> Iterator[None]:
        """Meanwhile, something is."""
        self._before, self._broken = self._site.books().total, what
        self._began = time.monotonic()
        yield
        self._mended = time.monotonic()

    def require_recovery(self) -> Account:
        """Wait until Kafka's last record is settled and committed; answer the books then."""
        wait_until(lambda: self._site.lag() == 0)
        recovered_s = time.monotonic() - self._mended
        after, proof = self._site.books().total, self._site.proof()
        broken_s = self._mended - self._began
        self._day.rows[self._test] = Row(
            self._fault, self._broker, self._broken, broken_s,
            self._before, after, proof.differences, recovered_s,
        )  # fmt: skip
        assert proof.differences == ()
        assert after.balanced
        assert after.in_flight == 0
        return after
