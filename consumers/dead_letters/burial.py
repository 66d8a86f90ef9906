"""Records put aside: key, value and headers untouched, and why, beside them."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from consumers.bookkeeping import Burial, Failure
from infra.blobs import BlobStore
from infra.database.models import LetterState
from infra.dead_letters.letter import PREFIX, noted, replays_of
from infra.eventlog.clients import EventLog, EventTooLarge
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS
from infra.events.envelope import Headers

_DETAIL_LIMIT = 1000
"""Characters of detail in a header: room is kept for the largest event itself."""


@dataclass(frozen=True)
class Undertaker:
    """Puts records on the dead-letter topic, whatever they are."""

    events: EventLog
    blobs: BlobStore
    max_replays: int
    """A record that was replayed so often and fails again is quarantined."""

    def bury(self, record: Record, failure: Failure, attempts: int, failed_at: datetime) -> Burial:
        """Put a record aside; returns once Kafka has acknowledged it.

        A record that is too large for the topic (compressed, it passed) is stored as a blob, and
        the letter refers to it.

        Raises:
            Unavailable: it is not safely stored; the record must not be committed.
        """
        facts = _facts(record, failure, attempts, failed_at)
        senders = [
            (name, value or b"") for name, value in record.headers if not name.startswith(PREFIX)
        ]
        try:
            partition, offset = self._send(record.key, record.value, senders, facts)
        except EventTooLarge:
            blob = self.blobs.put(_as_json(record))
            partition, offset = self._send(None, b"", [], facts | {"record": blob.reference})
        replays = replays_of(record)
        again = replays >= self.max_replays
        state = LetterState.QUARANTINED if again else LetterState.WAITING
        return Burial(partition, offset, replays, state)

    def _send(
        self, key: bytes | None, value: bytes | None, senders: Headers, facts: dict[str, str]
    ) -> tuple[int, int]:
        # kafka-python sends no record without both key and value.
        content = b"" if key is None and value is None else value
        ours = [(PREFIX + name, text.encode("utf-8", "replace")) for name, text in facts.items()]
        return self.events.send(DEAD_LETTERS, key, content, senders + ours)


def _facts(record: Record, failure: Failure, attempts: int, failed_at: datetime) -> dict[str, str]:
    moment = failed_at.isoformat()
    facts = {
        "reason": failure.reason.value,
        "stage": failure.stage,
        "detail": failure.detail[:_DETAIL_LIMIT],
        "attempts": str(attempts),
        "replays": str(replays_of(record)),
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "first-failed-at": noted(record, "first-failed-at") or moment,
        "last-failed-at": moment,
    }
    # A header without a value cannot be sent on; it is sent empty, and named here.
    without_value = [name for name, value in record.headers if value is None]
    return facts | ({"null-headers": ",".join(without_value)} if without_value else {})


def _as_json(record: Record) -> bytes:
    """Key, value and headers in base64."""

    def text(content: bytes | None) -> str | None:
        return None if content is None else base64.b64encode(content).decode()

    headers = [[name, text(value)] for name, value in record.headers]
    whole = {"key": text(record.key), "value": text(record.value), "headers": headers}
    return json.dumps(whole).encode()
