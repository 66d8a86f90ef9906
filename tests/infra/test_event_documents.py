"""What the documents say of the events is what is sent."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

import infra.events
from infra.blobs import Blob
from infra.database.models import Delivery, Image, Lane, Outcome, Result
from infra.eventlog.topics import topics
from infra.events.envelope import Envelope
from infra.events.pictures import ClaimCheck, apod_event, upload_event
from infra.events.settled import settled_event
from infra.settings import Settings
from tests.clients.npm import modules

FOLDER = Path(infra.events.__file__).parent
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLAIM = ClaimCheck(Blob("ab" * 32), 12, "image/png")
DELIVERY = Delivery(topic="doublet.uploads.v1", partition=0, offset=7, outcome=Outcome.DONE)
IMAGE = Image(source="s", event_id="1", lane=Lane.UPLOAD, name="m51.png", attempts=1)
RESULT = Result(
    sha256="ab" * 32,
    bytes=12,
    width=4,
    height=2,
    model="doublet",
    version=1,
    mean_spread=0.5,
    **dict.fromkeys(("queue_s", "decode_s", "tile_s", "model_s", "join_s", "store_s"), 0.1),
)


def asyncapi() -> Any:
    return json.loads((FOLDER / "asyncapi.json").read_text())


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from [value] if name == "$ref" else references(value)


@pytest.mark.npm
def test_the_asyncapi_document_is_what_asyncapis_own_schema_says(
    request: pytest.FixtureRequest,
) -> None:
    folder = modules(request.config.cache.mkdir("npm"))
    version = asyncapi()["asyncapi"]
    schema = (folder / "@asyncapi" / "specs" / "schemas" / f"{version}.json").read_text()
    Draft7Validator(json.loads(schema)).validate(asyncapi())


def test_every_schema_is_one() -> None:
    for file in (FOLDER / "schemas").glob("*.json"):
        Draft202012Validator.check_schema(json.loads(file.read_text()))


def test_every_reference_leads_somewhere() -> None:
    for reference in references(asyncapi()):
        if reference.startswith("#/"):
            node = asyncapi()
            for name in reference.removeprefix("#/").split("/"):
                node = node[name]
        else:
            assert (FOLDER / reference).exists(), reference


def test_every_topic_has_its_channel() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {topic.name for topic in topics(Settings(_env_file=None))}


@pytest.mark.parametrize(
    "event",
    [
        upload_event("m51.png", CLAIM, NOON),
        apod_event(date(2026, 11, 20), {"title": "Pluto"}, CLAIM, NOON),
        settled_event(DELIVERY, IMAGE, RESULT, NOON),
        settled_event(DELIVERY, IMAGE, None, NOON),
    ],
    ids=lambda event: event.type,
)
def test_what_is_sent_is_what_its_schema_says(event: Envelope) -> None:
    [message] = [
        message
        for message in asyncapi()["components"]["messages"].values()
        if message.get("name") == event.type and "$ref" in message["payload"]
    ]
    schema = json.loads((FOLDER / message["payload"]["$ref"]).read_text())
    Draft202012Validator(schema).validate(json.loads(event.data))
