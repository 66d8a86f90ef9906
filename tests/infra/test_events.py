"""The event contract: what is read, what is refused and why; the schemas are what counts."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from infra.blobs import Blob
from infra.database.models import Lane
from infra.events.envelope import BadEvent, Envelope, Headers, read_envelope
from infra.events.pictures import (
    APOD_PUBLISHED,
    UPLOADED,
    ClaimCheck,
    apod_event,
    read_submission,
    upload_event,
)
from infra.events.reasons import Reason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HASH = "ab" * 32
CLAIM = ClaimCheck(Blob(HASH), 12, "image/png")


def attributes(**changes: str | None) -> Headers:
    names = {"specversion": "1.0", "id": "1", "source": "me", "type": UPLOADED, **changes}
    return [(f"ce_{name}", text.encode()) for name, text in names.items() if text is not None]


def test_an_envelope_survives_its_headers() -> None:
    envelope = Envelope(
        id="1",
        source="me",
        type=UPLOADED,
        content_type="image/png",
        data=b"bytes",
        subject="m51 \N{GREEK SMALL LETTER ALPHA}.png",
        time=NOON,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert read_envelope(envelope.headers(), envelope.data) == envelope


def test_structured_mode_is_read_and_stray_attributes_in_headers_do_not_count() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "me",
        "type": UPLOADED,
        "data": {"name": "x", **CLAIM.data()},
    }
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8"), ("ce_id", b"9")]
    submission = read_submission(headers, json.dumps(event).encode())
    assert (submission.event_id, submission.content) == ("1", CLAIM)


def test_structured_mode_carries_bytes_as_base64() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "me",
        "type": UPLOADED,
        "datacontenttype": "image/png",
        "data_base64": "Ynl0ZXM=",
    }
    headers = [("content-type", b"application/cloudevents+json")]
    assert read_submission(headers, json.dumps(event).encode()).content == b"bytes"


def test_an_upload_by_claim_check_is_read_back() -> None:
    event = upload_event("m51.png", CLAIM, NOON)
    submission = read_submission(event.headers(), event.data)
    assert submission.event_id == f"upload:{HASH}"
    assert (submission.lane, submission.name) == (Lane.UPLOAD, "m51.png")
    assert (submission.content, submission.sent_at) == (CLAIM, NOON)


def test_an_apod_day_is_read_back_with_its_credit() -> None:
    event = apod_event(
        date(2026, 11, 20), {"title": "Pluto", "credit": "A. N.", "copyright": None}, CLAIM, NOON
    )
    submission = read_submission(event.headers(), event.data)
    assert submission.event_id == "apod:2026-11-20"
    assert (submission.lane, submission.name) == (Lane.APOD, "Pluto")
    assert (submission.credit, submission.copyright) == ("A. N.", None)


def test_inline_bytes_take_their_name_from_the_subject() -> None:
    headers = [*attributes(subject="m51.png"), ("content-type", b"image/png")]
    submission = read_submission(headers, b"bytes")
    assert (submission.name, submission.content) == ("m51.png", b"bytes")


def test_a_claim_check_is_smaller_than_ten_kilobytes() -> None:
    event = upload_event("n" * 1000, CLAIM, NOON)
    size = len(event.data) + sum(len(name) + len(value) for name, value in event.headers())
    assert size < 10_000


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ([], None, Reason.EMPTY),
        ([], b"", Reason.EMPTY),
        (attributes(id=None), b"x", Reason.BAD_ENVELOPE),
        (attributes(id=""), b"x", Reason.BAD_ENVELOPE),
        (attributes(source=None), b"x", Reason.BAD_ENVELOPE),
        (attributes(type=None), b"x", Reason.BAD_ENVELOPE),
        (attributes(specversion="0.3"), b"x", Reason.BAD_ENVELOPE),
        (attributes(id="i" * 201), b"x", Reason.BAD_ENVELOPE),
        (attributes(id="nul\x00"), b"x", Reason.BAD_ENVELOPE),
        (attributes(time="yesterday"), b"x", Reason.BAD_ENVELOPE),
        ([*attributes(), ("ce_subject", b"\xff")], b"x", Reason.BAD_ENVELOPE),
        (attributes(type="doublet.picture.uploaded.v2"), b"x", Reason.UNKNOWN_TYPE),
        (attributes(type="somebody.else.v1"), b"x", Reason.UNKNOWN_TYPE),
        ([("content-type", b"application/cloudevents+json")], b"{", Reason.BAD_ENVELOPE),
        ([("content-type", b"application/cloudevents+json")], b"[]", Reason.BAD_ENVELOPE),
        (
            [*attributes(type=APOD_PUBLISHED), ("content-type", b"image/png")],
            b"bytes",
            Reason.BAD_DATA,
        ),
    ],
)
def test_what_is_not_an_event_of_ours_is_refused_with_its_reason(
    headers: Headers, value: bytes | None, reason: Reason
) -> None:
    with pytest.raises(BadEvent) as refusal:
        read_submission(headers, value)
    assert refusal.value.reason is reason
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dataref": "http://host/x"}, Reason.BAD_DATAREF),
        ({"dataref": "blob:" + "cd" * 32}, Reason.HASH_MISMATCH),
        ({"dataref": None}, Reason.BAD_DATA),
        ({"sha256": HASH.upper()}, Reason.BAD_DATA),
        ({"length": -1}, Reason.BAD_DATA),
        ({"length": "12"}, Reason.BAD_DATA),
        ({"mediaType": "text/html"}, Reason.BAD_DATA),
        ({"name": "nul\x00"}, Reason.BAD_DATA),
        ({"somethingNew": 1}, None),
    ],
)
def test_the_schema_decides_what_data_is(change: dict[str, Any], reason: Reason | None) -> None:
    data = json.dumps({"name": "x", **CLAIM.data(), **change}).encode()
    headers = [*attributes(), ("content-type", b"application/json")]
    if reason is None:
        assert read_submission(headers, data).content == CLAIM
        return
    with pytest.raises(BadEvent) as refusal:
        read_submission(headers, data)
    assert refusal.value.reason is reason


@pytest.mark.parametrize("data", [b"not json", b"[]", b"\xff", b"null"])
def test_data_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(BadEvent) as refusal:
        read_submission([*attributes(), ("content-type", b"application/json")], data)
    assert refusal.value.reason is Reason.BAD_DATA
