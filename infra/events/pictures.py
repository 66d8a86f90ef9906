"""A picture handed in: by its own bytes, or by a claim check into our blob store."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from infra.blobs import BadBlobReference, Blob
from infra.database.models import Lane
from infra.events.envelope import (
    BadEvent,
    Envelope,
    Headers,
    has_attributes,
    read_envelope,
    storable,
)
from infra.events.reasons import Reason

UPLOADED = "doublet.picture.uploaded.v1"
APOD_PUBLISHED = "doublet.apod.published.v1"

UPLOADS_SOURCE = "doublet:uploads"
APOD_SOURCE = "doublet:apod"

JSON = "application/json"
_SCHEMAS = {UPLOADED: "uploaded.v1.json", APOD_PUBLISHED: "apod_published.v1.json"}
_LANES = {UPLOADED: Lane.UPLOAD, APOD_PUBLISHED: Lane.APOD}


@dataclass(frozen=True)
class ClaimCheck:
    """Where a picture's bytes lie, and what they must be."""

    blob: Blob
    length: int
    media_type: str

    def data(self) -> dict[str, Any]:
        """As the events' JSON has it."""
        return {
            "dataref": self.blob.reference,
            "sha256": self.blob.sha256,
            "length": self.length,
            "mediaType": self.media_type,
        }


@dataclass(frozen=True)
class Submission:
    """One picture to double, as its event describes it."""

    source: str
    event_id: str
    lane: Lane
    name: str
    content: bytes | ClaimCheck
    credit: str | None = None
    copyright: str | None = None
    remark: str | None = None
    """What the sender says that a viewer must be told."""
    sent_at: datetime | None = None
    model: str | None = None
    """The model that is asked for; None leaves it to the consumer."""


def upload_id(sha256: str) -> str:
    """The id of an upload whose sender gave none: the same bytes are the same upload."""
    return f"upload:{sha256}"


def another_upload_id(sha256: str) -> str:
    """An id that no other upload has: for bytes that are to be doubled once more."""
    return f"{upload_id(sha256)}:{secrets.token_hex(8)}"


def apod_id(day: date) -> str:
    """The id of a day's picture."""
    return f"apod:{day.isoformat()}"


def upload_event(
    name: str, claim: ClaimCheck, sent_at: datetime, *, again: bool = False
) -> Envelope:
    """The event that a submitter sends after it has stored the picture.

    Args:
        again: double it even if the same bytes were doubled before.
    """
    sha256 = claim.blob.sha256
    return Envelope(
        id=another_upload_id(sha256) if again else upload_id(sha256),
        source=UPLOADS_SOURCE,
        type=UPLOADED,
        subject=name,
        time=sent_at,
        content_type=JSON,
        data=json.dumps({"name": name, **claim.data()}).encode(),
    )


def again_event(
    source: str, event_id: str, name: str, claim: ClaimCheck, model: str | None, sent_at: datetime
) -> Envelope:
    """The event that asks for a known picture once more, under the id that it came by."""
    wish = {"model": model} if model else {}
    return Envelope(
        id=event_id,
        source=source,
        type=UPLOADED,
        subject=name,
        time=sent_at,
        content_type=JSON,
        data=json.dumps({"name": name, **claim.data(), **wish}).encode(),
    )


def apod_event(
    day: date, metadata: dict[str, Any], claim: ClaimCheck, sent_at: datetime
) -> Envelope:
    """The event that the scheduler sends for a day; ``metadata`` as its schema has it."""
    return Envelope(
        id=apod_id(day),
        source=APOD_SOURCE,
        type=APOD_PUBLISHED,
        subject=day.isoformat(),
        time=sent_at,
        content_type=JSON,
        data=json.dumps({"date": day.isoformat(), **metadata, **claim.data()}).encode(),
    )


def read_submission(headers: Headers, value: bytes | None) -> Submission:
    """Read a record of the uploads or the APOD topic.

    A record without any CloudEvents attribute is taken for the picture itself: anybody can put
    a file on the topic with any client.

    Raises:
        BadEvent: with the reason code of its dead letter.
    """
    if not value:
        raise BadEvent(Reason.EMPTY, "the record has no value")
    if not has_attributes(headers):
        return _bare(value)
    envelope = read_envelope(headers, value)
    if envelope.type not in _SCHEMAS:
        known = ", ".join(_SCHEMAS)
        raise BadEvent(Reason.UNKNOWN_TYPE, f"type {envelope.type[:80]!r} is not one of {known}")
    if envelope.content_type != JSON:
        return _inline(envelope)
    return _claimed(envelope)


@cache
def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of an event type's data."""
    text = files("infra.events").joinpath("schemas", _SCHEMAS[event_type]).read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def _bare(value: bytes) -> Submission:
    event_id = upload_id(hashlib.sha256(value).hexdigest())
    return Submission(UPLOADS_SOURCE, event_id, Lane.UPLOAD, "unnamed", value)


def _inline(envelope: Envelope) -> Submission:
    if envelope.type != UPLOADED:
        raise BadEvent(Reason.BAD_DATA, f"{envelope.type} carries JSON, not picture bytes")
    return Submission(
        source=envelope.source,
        event_id=envelope.id,
        lane=Lane.UPLOAD,
        name=envelope.subject or "unnamed",
        content=envelope.data,
        sent_at=envelope.time,
    )


def _claimed(envelope: Envelope) -> Submission:
    data = _valid_json(envelope)
    return Submission(
        source=envelope.source,
        event_id=envelope.id,
        lane=_LANES[envelope.type],
        name=data.get("name") or data.get("title") or envelope.subject or "unnamed",
        content=_claim(data),
        credit=data.get("credit"),
        copyright=data.get("copyright"),
        remark=data.get("remark"),
        sent_at=envelope.time,
        model=data.get("model"),
    )


def _claim(data: dict[str, Any]) -> ClaimCheck:
    try:
        blob = Blob.from_reference(data["dataref"])
    except BadBlobReference as error:
        raise BadEvent(Reason.BAD_DATAREF, str(error)) from error
    if blob.sha256 != data["sha256"]:
        raise BadEvent(Reason.HASH_MISMATCH, "dataref and sha256 name different blobs")
    return ClaimCheck(blob, data["length"], data["mediaType"])


def _valid_json(envelope: Envelope) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(envelope.data)
        text = json.dumps(data, ensure_ascii=False)
        problem = next(_validator(envelope.type).iter_errors(data), None)
    except (ValueError, RecursionError) as error:
        raise BadEvent(Reason.BAD_DATA, f"the data is not JSON that we read: {error}") from error
    if not storable(text):
        raise BadEvent(Reason.BAD_DATA, "the data holds characters that no text has")
    if problem is not None:
        raise BadEvent(Reason.BAD_DATA, f"{problem.json_path}: {problem.message}"[:500])
    return data


@cache
def _validator(event_type: str) -> Draft202012Validator:
    return Draft202012Validator(schema(event_type), format_checker=FormatChecker())
