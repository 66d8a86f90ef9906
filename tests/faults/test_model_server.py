"""The model server is away, slow, wrong now and then, and exchanged under load."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from infra.books import Account
from infra.database.models import Delivery, Image, Result
from serving.client import GrpcModelServer
from serving.errors import ModelMisbehaved
from tests.consumers.consuming import Site, wait_until
from tests.consumers.test_tile_calls import EveryKth
from tests.faults.drills import Drill
from tests.faults.lengths import lasting
from tests.fixtures.model_servers import RunningModelServer
from tests.fixtures.proxies import Proxy


@pytest.fixture
def way(site: Site, embedded_model_server: RunningModelServer) -> Iterator[Proxy]:
    """The pictures of the site go to the real model server, through this proxy."""
    way = Proxy(int(embedded_model_server.address.rpartition(":")[2]))
    with closing(way), closing(GrpcModelServer(f"127.0.0.1:{way.port}", deadline_s=3)) as model:
        site.world.pipeline = replace(site.world.pipeline, model=model)
        yield way


WAYS: dict[str, Callable[[Proxy], None]] = {
    "is down": Proxy.refuse,
    "does not answer": Proxy.stall,
}


@pytest.mark.parametrize("fault", WAYS)
@lasting(2, gameday=300)
def test_the_model_server_is_away(
    site: Site, way: Proxy, drill: Callable[[Site], Drill], fault: str, seconds: float
) -> None:
    outage = drill(site)
    with site.consuming(hands=2) as running:
        site.send(site.picture(20))
        wait_until(lambda: site.lag() == 0)
        with outage.broken(f"the model server {fault}"):
            WAYS[fault](way)
            for side in range(21, 33):
                site.send(site.picture(side))
            wait_until(lambda: bool(running.breaker.troubles))
            assert "waiting for the model server since" in running.status.condition.detail
            time.sleep(seconds)
            assert {row.attempts for row in site.world.all(Delivery)} <= {0, 1}
            way.heal()
        after = outage.require_recovery()
        assert running.status.condition.detail == ""
    assert after == Account(accepted=13, done=13)
    # It cost no attempt.
    assert {row.attempts for row in site.world.all(Image)} == {1}


@lasting(2, gameday=60)
def test_the_model_server_is_slow(
    site: Site, way: Proxy, drill: Callable[[Site], Drill], seconds: float
) -> None:
    slowness = drill(site)
    with site.consuming(hands=2):
        with slowness.broken("every answer of the model server takes 0.4 s longer"):
            way.slow(0.2)
            for side in range(20, 32):
                site.send(site.picture(side))
            time.sleep(seconds)
            way.heal()
        after = slowness.require_recovery()
    assert after == Account(accepted=12, done=12)


def test_the_model_server_fails_every_third_tile(
    site: Site, drill: Callable[[Site], Drill]
) -> None:
    model = EveryKth()
    model.k, model.error = 3, ModelMisbehaved
    site.world.pipeline = replace(site.world.pipeline, model=model)
    weakness = drill(site)
    # One pair of hands: another's calls between could make a tile's every try the third.
    with site.consuming(hands=1):
        with weakness.broken("every third call of the model fails"):
            for side in range(60, 66):
                site.send(site.picture(side))
            wait_until(lambda: site.lag() == 0)
            model.k = 10**9
        after = weakness.require_recovery()
    assert len(model.calls) > 6 * 4
    assert after == Account(accepted=6, done=6)
    assert {row.attempts for row in site.world.all(Image)} == {1}


def test_the_model_is_exchanged_under_load(site: Site, drill: Callable[[Site], Drill]) -> None:
    model = site.world.model
    exchange = drill(site)
    with site.consuming(hands=2):
        for side in range(60, 80):
            site.send(site.picture(side))
        with exchange.broken("version 2 takes version 1's place, then 3 takes 2's"):
            wait_until(lambda: len(model.calls) > 10)
            model.swap(2)
            wait_until(lambda: any(row.version == 2 for row in site.world.all(Result)))
            model.swap(3)
        after = exchange.require_recovery()
    assert after == Account(accepted=20, done=20)
    assert {row.version for row in site.world.all(Result)} >= {2, 3}
    assert {row.attempts for row in site.world.all(Image)} == {1}
