"""Events that earlier versions sent are doubled by this one, from a broker, to the end."""

import base64
import json
from pathlib import Path
from typing import Any

from infra.database.engine import Database
from infra.database.models import Image, ImageState
from infra.eventlog.topics import APOD, UPLOADS
from infra.events.envelope import Headers
from tests.consumers.consuming import Site, site_on, wait_until
from tests.consumers.world import png
from tests.fixtures.brokers import LocalBroker

FOLDER = Path(__file__).parents[1] / "infra" / "recorded_events"
RECORDED = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
FOR_CONSUMERS = [event for event in RECORDED if event["reads"]]


def test_every_event_on_record_ends_as_done(
    broker: LocalBroker, sqlite: Database, tmp_path: Path
) -> None:
    assert len(FOR_CONSUMERS) >= 5
    with site_on(broker, sqlite, tmp_path) as site:
        for event in FOR_CONSUMERS:
            topic = APOD if event["reads"]["lane"] == "apod" else UPLOADS
            site.events.send(topic, b"key", with_its_picture(event, site), headers_of(event))
        with site.consuming():
            wait_until(lambda: site.lag() == 0)
        assert site.proof().differences == ()
        ends = {(it.source, it.event_id): it for it in site.world.all(Image)}
        for reads in (event["reads"] for event in FOR_CONSUMERS):
            image = ends[reads["source"], reads["event_id"]]
            assert (image.state, image.reason) == (ImageState.DONE, None)
            assert (image.name, image.lane.value) == (reads["name"], reads["lane"])
            assert (image.credit, image.copyright) == (reads["credit"], reads["copyright"])


def headers_of(event: dict[str, Any]) -> Headers:
    return [(name, text.encode()) for name, text in event["headers"]]


def with_its_picture(event: dict[str, Any], site: Site) -> bytes:
    """The value as it was; a claim check then named a picture of ours, and does so now."""
    value = base64.b64decode(event["value"])
    claim = event["reads"]["content"]
    if isinstance(claim, str):
        return value
    content = png(20 + RECORDED.index(event), 20)
    blob = site.world.blobs.put(content)
    document = value.decode().replace(claim["sha256"], blob.sha256)
    return document.replace(str(claim["length"]), str(len(content))).encode()
