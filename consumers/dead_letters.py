"""Records put aside: key, value and headers untouched, and why, beside them."""

from datetime import datetime

from consumers.bookkeeping import Failure
from consumers.record import Record
from infra.eventlog.clients import EventLog
from infra.eventlog.topics import DEAD_LETTERS

PREFIX = "doublet-error-"
"""Headers of ours begin so; everything else is the sender's."""

_DETAIL_LIMIT = 1000
"""Characters of detail in a header: room is kept for the largest event itself."""


def bury(events: EventLog, record: Record, failure: Failure, failed_at: datetime) -> None:
    """Put a record on the dead-letter topic; returns once Kafka has acknowledged it.

    Raises:
        EventLogUnavailable: it is not safely stored; the record must not be committed.
    """
    moment = failed_at.isoformat()
    facts = {
        "reason": failure.reason.value,
        "stage": failure.stage,
        "detail": failure.detail[:_DETAIL_LIMIT],
        "attempts": str(failure.attempts),
        "replays": _earlier(record, "replays") or "0",
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "first-failed-at": _earlier(record, "first-failed-at") or moment,
        "last-failed-at": moment,
    }
    senders = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    ours = [(PREFIX + name, text.encode()) for name, text in facts.items()]
    events.send(DEAD_LETTERS, record.key, record.value, senders + ours)


def _earlier(record: Record, fact: str) -> str | None:
    """What an earlier burial of the same record said: a replay carries it along."""
    for name, value in record.headers:
        if name == PREFIX + fact:
            return value.decode("utf-8", "replace")
    return None
