"""The blob store is away."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from infra.books import Account
from infra.database.models import Image
from tests.consumers.consuming import Site, wait_until
from tests.faults.drills import Drill
from tests.faults.lengths import lasting
from tests.fixtures.blob_stores import blobs_at
from tests.fixtures.proxies import Proxy


@pytest.fixture
def way(
    site: Site, s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    """The site's blobs lie in an S3 bucket behind this proxy."""
    with closing(Proxy(int(s3_server.rpartition(":")[2]))) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{way.port}")
        site.world.blobs = blobs_at(s3_bucket)
        site.world.pipeline = replace(site.world.pipeline, blobs=site.world.blobs)
        yield way


@lasting(2, gameday=60)
def test_the_blob_store_is_down(
    site: Site, way: Proxy, drill: Callable[[Site], Drill], seconds: float
) -> None:
    outage = drill(site)
    with site.consuming(hands=2) as running:
        events = [site.picture(side) for side in range(20, 30)]
        with outage.broken("the S3 server refuses connections"):
            way.refuse()
            for event in events:
                site.send(event)
            wait_until(lambda: bool(running.breaker.troubles))
            assert "waiting for the blob store since" in running.status.condition.detail
            time.sleep(seconds)
            way.heal()
        after = outage.require_recovery()
    assert after == Account(accepted=10, done=10)
    assert {row.attempts for row in site.world.all(Image)} == {1}
