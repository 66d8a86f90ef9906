"""A replay that ends its own process with SIGKILL, at a step that its arguments name.

``python -m tests.consumers.dead_letters.dying_replay before|after N``: before or after the Nth
record is sent.
"""

import os
import signal
import sys

from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.database.models import LetterState
from infra.dead_letters.ledger import Ledger, Selection
from infra.dead_letters.replay import Parts, Replay, ReplayPolicy
from infra.eventlog.clients import KafkaEventLog
from infra.eventlog.reading import LogReader
from infra.settings import settings


class DyingEvents(KafkaEventLog):
    """Sends, and dies where it is told to."""

    step = "before"
    left = 1

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        self.left -= 1
        if self.left == 0 and self.step == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        stored = super().send(topic, key, value, headers)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return stored


def main(step: str, number: int) -> None:
    current = settings()
    events = DyingEvents(current)
    events.step, events.left = step, number
    ledger = Ledger(Database(current.database))
    parts = Parts(ledger, LogReader(current), events, open_blob_store(current))
    waiting = Selection(frozenset({LetterState.WAITING}))
    Replay(parts, ReplayPolicy(per_second=1000)).run(waiting)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
