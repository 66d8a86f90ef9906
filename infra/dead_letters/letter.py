"""A dead letter as it lies on its topic, and the record that it was made of."""

import base64
import json
import re
from dataclasses import dataclass

from infra.blobs import Blob, BlobStore
from infra.errors import DoubletError
from infra.eventlog.record import Record
from infra.events.envelope import Headers

PREFIX = "doublet-error-"
"""Headers of ours begin so; everything else is the sender's."""

REPLAY_OF = PREFIX + "replay-of"
"""Header of a replayed record: the address at which it died."""

_SMALL_NUMBER = re.compile(r"[0-9]{1,4}")


class LetterGone(DoubletError):
    """The letter's bytes are no longer where the database says that they are."""


@dataclass(frozen=True)
class Letter:
    """A record that was put aside: what its sender sent, and what we noted beside it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    """The sender's own."""
    notes: dict[str, str]
    """Ours, without their prefix."""

    @property
    def address(self) -> str:
        """Where the record died."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    def replay_headers(self) -> Headers:
        """What the record is sent again with: the sender's headers, then ours."""
        replays = int(self.notes.get("replays", "0")) + 1
        ours = {
            PREFIX + "replays": str(replays),
            PREFIX + "first-failed-at": self.notes.get("first-failed-at", ""),
            REPLAY_OF: self.address,
        }
        return [*self.headers, *((name, text.encode()) for name, text in ours.items())]


def read_letter(record: Record, blobs: BlobStore) -> Letter:
    """Read a record of the dead-letter topic.

    Raises:
        LetterGone: it is none of ours.
        BlobMissing: it refers to a blob that is gone.
        BlobStoreUnavailable: it refers to a blob, and the store is away.
    """
    notes = {
        name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith(PREFIX)
    }
    try:
        topic, partition, offset = notes["topic"], int(notes["partition"]), int(notes["offset"])
    except (KeyError, ValueError) as error:
        raise LetterGone(f"the record at {record} is not a dead letter") from error
    key, value = record.key, record.value
    senders = [(name, text) for name, text in record.headers if not name.startswith(PREFIX)]
    if "record" in notes:
        blob = Blob.from_reference(notes["record"])
        key, value, senders = _from_json(blobs.get(blob))
    notes["replays"] = str(replays_of(record))
    return Letter(topic, partition, offset, key, value, senders, notes)


def replays_of(record: Record) -> int:
    """How often a record was replayed; 0 where its header is not one of ours."""
    said = noted(record, "replays") or ""
    return int(said) if _SMALL_NUMBER.fullmatch(said) else 0


def noted(record: Record, fact: str) -> str | None:
    """What an earlier burial of the same record said: a replay carries it along."""
    for name, value in record.headers:
        if name == PREFIX + fact and value is not None:
            return value.decode("utf-8", "replace")
    return None


def _from_json(whole: bytes) -> tuple[bytes | None, bytes | None, Headers]:
    """The reverse of what `burial` stores of a record that is too large for the topic."""
    content = json.loads(whole)

    def octets(text: str | None) -> bytes | None:
        return None if text is None else base64.b64decode(text)

    # A header without a value cannot be sent; it goes out empty, as from the topic itself.
    headers = [(name, octets(text) or b"") for name, text in content["headers"]]
    return octets(content["key"]), octets(content["value"]), headers
