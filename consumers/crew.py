"""The threads that work: some for all pictures, and one for the large ones.

A large picture is recognised only once its header was read. Whoever finds one hands it on, so the
small ones behind it pass; the attempt that was counted for it is given back.
"""

import logging
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from consumers.halt import Halt, HandedBack
from consumers.in_flight import Place, Ticket
from consumers.lanes import Job, Lanes
from consumers.pipeline import TooLargeHere
from consumers.worker import Worker
from infra.eventlog.record import Record

log = logging.getLogger(__name__)


class Crew:
    """Settles jobs in the order of their lanes; the loop asks it what has ended."""

    def __init__(self, worker: Worker, hands: int, halt: Halt) -> None:
        self._worker = worker
        self._halt = halt
        self._at_hand: dict[Ticket, Halt] = {}
        self._all, self._large = Lanes(), Lanes()
        self._ended = SimpleQueue[Ticket]()
        self._fault: BaseException | None = None
        # Daemons: one that hangs in a call does not keep the process from ending in time.
        self._threads = [
            threading.Thread(target=self._work, args=lanes, name=name, daemon=True)
            for name, lanes in [
                *((f"worker-{number}", (self._all, False)) for number in range(hands)),
                ("worker-large", (self._large, True)),
            ]
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def put(self, job: Job) -> None:
        """Have it settled."""
        self._all.put(job)

    def drop(self, place: Place) -> None:
        """Leave a partition that went away to its next owner.

        What waits is not begun, and what is at hand is handed back with its attempt: a long one
        that moves often would otherwise use up its attempts, and be taken for a crash loop.
        """
        self._all.drop(place)
        self._large.drop(place)
        for ticket, halt in list(self._at_hand.items()):
            if ticket.place == place:
                halt.request()

    def ended(self) -> Iterator[Ticket]:
        """The tickets of what was settled since it was asked last.

        Raises:
            BaseException: a fault of our own that ended a worker; nothing may go on then.
        """
        if self._fault is not None:
            raise self._fault
        while True:
            try:
                yield self._ended.get_nowait()
            except Empty:
                return

    def stop(self) -> None:
        """Begin nothing more."""
        self._all.close()
        self._large.close()

    def join(self, seconds: float) -> None:
        """Wait until all that was begun has ended or was handed back, but no longer than this."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, lanes: Lanes, large_too: bool) -> None:
        try:
            while job := lanes.take():
                self._settle(job, large_too)
        except BaseException as fault:  # noqa: BLE001  (the loop raises it)
            self._fault = fault

    def _settle(self, job: Job, large_too: bool) -> None:
        halt = self._at_hand[job.ticket] = self._halt.part()
        try:
            if isinstance(job.what, Record):
                self._worker.settle(job.what, halt, large_too=large_too)
            else:
                self._worker.note(job.what)
        except TooLargeHere:
            self._large.put(job)
        except HandedBack:
            log.info("%s: given back", job.what)
        else:
            self._ended.put(job.ticket)
        finally:
            del self._at_hand[job.ticket]
