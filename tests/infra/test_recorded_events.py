"""Events as they were sent once: every version must be read as it was then, for ever.

A file here is never changed. Whoever changes the contract adds one.
"""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import infra.events
from infra.events.envelope import Headers, read_envelope, traceparent_of
from infra.events.pictures import ClaimCheck, Submission, read_submission

SCHEMAS = sorted((Path(infra.events.__file__).parent / "schemas").glob("*.json"))
RECORDED = sorted((Path(__file__).parent / "recorded_events").glob("*.json"))


def recorded(file: Path) -> tuple[Headers, bytes, dict[str, Any] | None]:
    """Headers, value, and what a consumer read then; None for an event that is for others."""
    document = json.loads(file.read_text())
    headers = [(name, text.encode()) for name, text in document["headers"]]
    return headers, base64.b64decode(document["value"]), document["reads"]


def as_read(submission: Submission) -> dict[str, Any]:
    content = submission.content
    return {
        "source": submission.source,
        "event_id": submission.event_id,
        "lane": submission.lane.value,
        "name": submission.name,
        "content": content.data()
        if isinstance(content, ClaimCheck)
        else sha256(content).hexdigest(),
        "credit": submission.credit,
        "copyright": submission.copyright,
        "sent_at": submission.sent_at.isoformat() if submission.sent_at else None,
    }


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_an_event_is_read_as_it_was_when_it_was_sent(file: Path) -> None:
    headers, value, reads = recorded(file)
    if reads is not None:
        trace = {"traceparent": traceparent_of(headers, value)}
        assert as_read(read_submission(headers, value)) | trace == reads
    else:
        schema = json.loads(_schema(file).read_text())
        Draft202012Validator(schema).validate(json.loads(read_envelope(headers, value).data))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda file: file.stem)
def test_every_version_has_an_event_on_record(schema: Path) -> None:
    """Named after its schema, and of the type that the schema is for."""
    files = [file for file in RECORDED if _schema(file) == schema]
    assert files
    for file in files:
        headers, value, _ = recorded(file)
        assert read_envelope(headers, value).type == json.loads(schema.read_text())["title"]


def _schema(file: Path) -> Path:
    return SCHEMAS[0].with_name(file.stem.partition("-")[0] + ".json")
