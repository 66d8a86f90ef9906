"""Handing a picture in: look at it, store its bytes, send the claim check."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import logs, tracing
from infra.admission import Limits
from infra.blobs import BlobStore, open_blob_store
from infra.clock import Clock, utc_now
from infra.eventlog.clients import EventLog, KafkaEventLog
from infra.eventlog.sending import send_event
from infra.eventlog.topics import UPLOADS
from infra.events.pictures import ClaimCheck, upload_event
from infra.settings import Settings
from producers.sniffing import sniff

log = logging.getLogger(__name__)

_LONGEST_NAME = 200
"""In characters; an operator's table shows less, and the schema takes up to 1000."""


@dataclass(frozen=True)
class Receipt:
    """Kafka has the event: it will end in exactly one visible state, whoever is looking."""

    source: str
    event_id: str
    name: str
    sha256: str
    length: int
    """In bytes."""
    topic: str
    partition: int
    offset: int


class Submitter:
    """Sends pictures to be doubled; KafkaEventLog and the blob stores may be shared by threads."""

    def __init__(
        self, events: EventLog, blobs: BlobStore, limits: Limits, clock: Clock = utc_now
    ) -> None:
        self._events = events
        self._blobs = blobs
        self._limits = limits
        self._clock = clock

    def submit(self, name: str, content: bytes | Path, *, again: bool = False) -> Receipt:
        """Hand in one picture under a name for people.

        Submitting the same bytes twice is safe: they are recognised and doubled once, unless
        ``again`` asks for more.

        Raises:
            BadPicture, Unreadable: it would never be doubled; nothing was sent.
            BlobStoreUnavailable, EventLogUnavailable: try again later.
        """
        with tracing.span("submit a picture"):
            receipt = self._submit(name, content, again)
            with logs.about(event_id=receipt.event_id):
                log.info("handed in %s", receipt.name)
        return receipt

    def _submit(self, name: str, content: bytes | Path, again: bool) -> Receipt:
        sniffed = sniff(content, self._limits)
        if isinstance(content, bytes):
            blob = self._blobs.put(content)
        else:
            blob = self._blobs.put_file(content)
        claim = ClaimCheck(blob, sniffed.length, sniffed.media_type)
        event = upload_event(printable(name), claim, self._clock(), again=again)
        partition, offset = send_event(self._events, UPLOADS, event)
        return Receipt(
            source=event.source,
            event_id=event.id,
            name=printable(name),
            sha256=blob.sha256,
            length=sniffed.length,
            topic=UPLOADS,
            partition=partition,
            offset=offset,
        )


@contextmanager
def open_submitter(settings: Settings) -> Iterator[Submitter]:
    """A submitter to the configured Kafka and blob store, closed at the end.

    Raises:
        BlobStoreUnavailable, EventLogUnavailable: one of the two cannot be reached.
    """
    blobs = open_blob_store(settings)
    events = KafkaEventLog(settings)
    try:
        yield Submitter(events, blobs, Limits.of(settings))
    finally:
        events.close()


def printable(name: str) -> str:
    """A name that every screen and database takes: one line, valid Unicode, not too long."""
    valid = name.encode("utf-8", "replace").decode()
    shown = "".join(letter if letter.isprintable() else " " for letter in valid)
    return " ".join(shown.split())[:_LONGEST_NAME] or "unnamed"
