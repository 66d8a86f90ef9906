"""CloudEvents 1.0 over Kafka: the binary and the structured mode of the protocol binding.

Binary mode: one header ``ce_<attribute>`` for each attribute, ``content-type`` for the data.
Source: CloudEvents Kafka protocol binding 1.0.2, sections 3.2 and 3.3.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.events.reasons import Reason, Refused
from infra.tracing import TRACEPARENT, trace_id

Headers = list[tuple[str, bytes]]

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"
_STRUCTURED = "application/cloudevents"
_SPEC_VERSION = "1.0"
_REQUIRED = ("id", "source", "type")
_LONGEST = {"id": 200, "source": 200, "subject": 1000, "traceparent": 200}
"""Longest attributes in characters: what the database's columns hold, and a name is good for."""


class BadEvent(Refused):
    """An event that breaks the contract, or whose picture is not what it says."""


@dataclass(frozen=True)
class Envelope:
    """The attributes of one event, and its data as bytes."""

    id: str
    source: str
    type: str
    content_type: str
    data: bytes
    subject: str | None = None
    time: datetime | None = None
    traceparent: str | None = None

    @property
    def key(self) -> bytes:
        """The Kafka key: events of one id stay in one partition, in order."""
        return self.id.encode()

    def headers(self) -> Headers:
        """The Kafka headers of the binary mode."""
        attributes = {
            "specversion": _SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.astimezone(UTC).isoformat() if self.time else None,
            "traceparent": self.traceparent,
        }
        headers = [(_PREFIX + name, text.encode()) for name, text in attributes.items() if text]
        if self.traceparent:
            # Where tracers that know nothing of CloudEvents look for it.
            headers.append((TRACEPARENT, self.traceparent.encode()))
        return [*headers, (_CONTENT_TYPE, self.content_type.encode())]


def content_type_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The media type that a record's headers state, without parameters, in lower case."""
    for name, value in headers:
        if name.lower() == _CONTENT_TYPE and value is not None:
            return value.decode("utf-8", "replace").partition(";")[0].strip().lower()
    return None


def has_attributes(headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether a record claims to be a CloudEvent at all."""
    headers = list(headers)
    structured = (content_type_of(headers) or "").startswith(_STRUCTURED)
    return structured or any(name.startswith(_PREFIX) for name, _ in headers)


def traceparent_of(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> str | None:
    """The span that a record was sent in, whatever else is wrong with it; None where it says none.

    A header of W3C's name was written last, by whoever sent the record itself.
    """
    headers = list(headers)
    told = {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
    candidates = [told.get(TRACEPARENT), told.get(_PREFIX + TRACEPARENT)]
    if (content_type_of(headers) or "").startswith(_STRUCTURED):
        try:
            candidates.append(_read_structured(value or b"").traceparent)
        except BadEvent:
            return None  # as it will be refused
    return next((found for found in candidates if trace_id(found)), None)


def read_envelope(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Envelope:
    """Read a CloudEvent; headers that are not of CloudEvents are ignored, whatever they hold.

    Raises:
        BadEvent: an attribute is missing, malformed or not UTF-8.
    """
    headers = list(headers)
    content_type = content_type_of(headers) or ""
    if content_type.startswith(_STRUCTURED):
        return _read_structured(value or b"")
    attributes = {
        name.removeprefix(_PREFIX): _text(name, text)
        for name, text in headers
        if name.startswith(_PREFIX) and text is not None
    }
    return _envelope(attributes, content_type, value or b"")


def _read_structured(value: bytes) -> Envelope:
    try:
        event = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadEvent(Reason.BAD_ENVELOPE, f"the structured event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise BadEvent(Reason.BAD_ENVELOPE, "the structured event is not a JSON object")
    attributes = {name: text for name, text in event.items() if isinstance(text, str)}
    content_type = attributes.get("datacontenttype", "application/json")
    try:
        data = _data_of(event)
    except RecursionError as error:
        raise BadEvent(Reason.BAD_ENVELOPE, "the data is nested too deeply") from error
    return _envelope(attributes, content_type.partition(";")[0].strip().lower(), data)


def _data_of(event: dict[str, object]) -> bytes:
    encoded = event.get("data_base64")
    if encoded is None:
        return json.dumps(event.get("data")).encode()
    try:
        return base64.b64decode(str(encoded), validate=True)
    except ValueError as error:
        raise BadEvent(Reason.BAD_ENVELOPE, f"data_base64 is not base64: {error}") from error


def _envelope(attributes: dict[str, str], content_type: str, data: bytes) -> Envelope:
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        raise BadEvent(Reason.BAD_ENVELOPE, f"the event has no {', '.join(missing)}")
    for name, longest in _LONGEST.items():
        text = attributes.get(name, "")
        if len(text) > longest:
            raise BadEvent(Reason.BAD_ENVELOPE, f"{name} is longer than {longest} characters")
        if not storable(text):
            raise BadEvent(Reason.BAD_ENVELOPE, f"{name} holds characters that no text has")
    version = attributes.get("specversion")
    if version != _SPEC_VERSION:
        raise BadEvent(Reason.BAD_ENVELOPE, f"specversion is {version!r}, not {_SPEC_VERSION!r}")
    return Envelope(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        content_type=content_type,
        data=data,
        subject=attributes.get("subject"),
        time=_time(attributes.get("time")),
        traceparent=attributes.get("traceparent"),
    )


def storable(text: str) -> bool:
    """Whether every database stores the text: PostgreSQL takes no NUL, UTF-8 no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadEvent(Reason.BAD_ENVELOPE, f"the header {name} is not UTF-8") from error


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadEvent(Reason.BAD_ENVELOPE, f"time {text[:40]!r} is not RFC 3339") from error
