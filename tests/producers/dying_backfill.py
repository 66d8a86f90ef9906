"""A backfill that ends its own process with SIGKILL, at a step that its arguments name.

``python -m tests.producers.dying_backfill before|after N``: before or after Kafka has the Nth
event. With ``never 0`` it goes on to the end.
"""

import os
import signal
import sys
import time
from contextlib import closing
from datetime import timedelta

from infra.admission import Limits
from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.settings import settings
from producers.apod.v2 import ApodV2
from producers.apod.web import Web, WebPolicy
from producers.backfiller import Backfiller, open_backfill
from producers.ledger import Ledger, Patience
from producers.outbox import KafkaOutbox
from producers.publishing import Publisher, open_budget

SHORT = Patience(first=timedelta(seconds=0.2), lease=timedelta(seconds=3))
"""So that a test need not wait minutes for a dead process' day."""


class DyingOutbox(KafkaOutbox):
    """Sends, and dies where it is told to."""

    step = "never"
    left = 0

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        self.left -= 1
        if self.left == 0 and self.step == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        stored = super().send(topic, key, value, headers)
        if self.left == 0 and self.step == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return stored


def main(step: str, number: int) -> None:
    current = settings()
    database = Database(current.database)
    budget = open_budget(current, database)
    ledger = Ledger(database, patience=SHORT)
    with (
        closing(Web(WebPolicy.of(current), budget)) as web,
        closing(DyingOutbox(current)) as outbox,
    ):
        outbox.step, outbox.left = step, number
        source = ApodV2(web, current.apod_v2_url)
        blobs = open_blob_store(current)
        publisher = Publisher(source, web, ledger, blobs, outbox, Limits.of(current))
        backfiller = Backfiller(open_backfill(current, database), budget, ledger, publisher)
        while (wait := backfiller.step()) is not None:
            time.sleep(min(wait.total_seconds(), 0.5))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
