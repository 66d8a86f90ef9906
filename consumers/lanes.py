"""Where what was taken off Kafka waits for a worker: uploads first, then APOD, then the backfill.

The backfill has a topic of its own. On APOD's topic, thousands of its records would lie before the
day's in the same partition, and Kafka gives a partition's records in their order only.
"""

import threading
from collections import deque
from dataclasses import dataclass

from consumers.in_flight import Place, Ticket
from infra.database.models import GapCause
from infra.eventlog.record import Record
from infra.eventlog.topics import INTAKE


@dataclass(frozen=True)
class PassedOver:
    """Neighbouring offsets of a partition that hold no record for us."""

    topic: str
    partition: int
    first: int
    last: int
    cause: GapCause


@dataclass(frozen=True)
class Job:
    """Something to settle, and the ticket to hand back then."""

    ticket: Ticket
    what: Record | PassedOver


class Lanes:
    """One queue for each intake topic; several threads take from the first that is not empty."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Job]] = {topic: deque() for topic in INTAKE}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, job: Job) -> None:
        """Add it at the end of its lane."""
        with self._changed:
            self._queues[job.what.topic].append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """The next of the first lane that has one; waits for it. None once they are closed."""
        with self._changed:
            while not self._closed:
                for queue in self._queues.values():
                    if queue:
                        return queue.popleft()
                self._changed.wait()
            return None

    def drop(self, place: Place) -> None:
        """Forget what waits of a partition that went away."""
        topic, partition = place
        with self._changed:
            kept = [job for job in self._queues[topic] if job.what.partition != partition]
            self._queues[topic] = deque(kept)

    def close(self) -> None:
        """Give out nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
