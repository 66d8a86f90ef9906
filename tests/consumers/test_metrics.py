"""What a consumer measures of itself."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from consumers.breaker import Breaker
from consumers.gauges import Gauges
from consumers.halt import Halt, HandedBack
from consumers.memory import Memory
from consumers.metrics import CONSUMER
from consumers.timings import STAGES
from infra.disks import Space, spaces
from infra.health import Health, answering
from infra.settings import Settings
from serving.errors import ModelMisbehaved, ModelServerUnavailable
from tests.consumers.world import NOON, World, png
from tests.fixtures.ports import free_ports
from tests.fixtures.scraping import Scrape


@pytest.fixture
def page(world: World) -> Iterator[str]:
    """Where a consumer's metrics are to be had, over HTTP."""
    [port] = free_ports(1)
    health = Health(world.status.lives, world.status.is_ready, CONSUMER)
    with answering("CONSUMER_HEALTH", f"127.0.0.1:{port}", health):
        yield f"http://127.0.0.1:{port}/metrics"


def scrape(page: str) -> Scrape:
    answer = httpx.get(page, trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scrape(answer.text)


def test_a_doubled_picture_is_counted_and_timed(world: World, page: str) -> None:
    before = scrape(page)
    world.settle(world.claim(png(50, 40)))
    after = scrape(page)
    done = ("doublet_records_ended_total", {"outcome": "done", "reason": ""})
    assert after(done[0], **done[1]) == before(done[0], **done[1]) + 1
    assert after("doublet_megapixels_total") - before("doublet_megapixels_total") == pytest.approx(
        100 * 80 / 1e6
    )
    for stage in ("queue", *STAGES):
        name = "doublet_stage_seconds_count"
        assert after(name, stage=stage) == before(name, stage=stage) + 1
    assert after("doublet_model_version", model="doublet") == 1
    assert after("doublet_info", part="consumer", version="0.1.0") == 1
    assert after("process_resident_memory_bytes") > 0


def test_what_could_not_be_doubled_is_counted_by_its_reason(world: World, page: str) -> None:
    before = scrape(page)
    world.settle(world.record(b"not a picture"))
    world.settle(world.claim(png(41, 40)))
    world.settle(world.claim(png(41, 40)))
    after = scrape(page)
    name = "doublet_records_ended_total"
    dead = {"outcome": "dead", "reason": "unsupported_format"}
    assert after(name, **dead) == before(name, **dead) + 1
    again = {"outcome": "duplicate", "reason": ""}
    assert after(name, **again) == before(name, **again) + 1


def test_calls_of_the_model_are_counted_by_what_came_of_them(world: World, page: str) -> None:
    before = scrape(page)
    world.model.failures.append(ModelMisbehaved("once"))
    world.settle(world.claim(png(20, 20)))
    after = scrape(page)
    name = "doublet_tile_calls_total"
    assert after(name, outcome="misbehaved") == before(name, outcome="misbehaved") + 1
    assert after(name, outcome="ok") == before(name, outcome="ok") + 1
    assert after("doublet_tile_retries_total") == before("doublet_tile_retries_total") + 1


def test_who_is_waited_for_and_since_when(world: World) -> None:
    halt = Halt()
    breaker = Breaker(halt, clock=lambda: NOON)

    def away() -> None:
        halt.request()
        raise ModelServerUnavailable("connection refused")

    with pytest.raises(HandedBack):
        breaker.insist(away)
    gauges = Gauges(breaker, Memory(1, halt), dict, lambda: NOON + timedelta(seconds=90))
    with CONSUMER.refreshed_by(gauges.refresh):
        open_for = Scrape(CONSUMER.page())
        name = "doublet_breaker_open_seconds"
        assert open_for(name, waits_for="the model server") == 90
        breaker.answered()
        closed = Scrape(CONSUMER.page())
    assert closed(name, waits_for="the model server") == 0
    assert (name, ("waits_for", "Kafka")) in closed.values


def test_memory_and_disks_are_shown_as_they_are_now(world: World) -> None:
    memory = Memory(1000, world.halt)
    disks = {"blobs": Space(free=20, size=100)}
    with CONSUMER.refreshed_by(Gauges(world.breaker, memory, lambda: disks).refresh):
        with memory.hold(300):
            assert Scrape(CONSUMER.page())("doublet_memory_bytes", kind="pictures") == 300
        after = Scrape(CONSUMER.page())
    assert after("doublet_memory_bytes", kind="pictures") == 0
    assert after("doublet_disk_free_bytes", disk="blobs") == 20
    assert after("doublet_disk_size_bytes", disk="blobs") == 100


def test_a_store_elsewhere_is_no_disk_of_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "blobs").mkdir()
    [name, *_] = spaces(Settings(_env_file=None, doublet_home=home))
    assert name == "blobs"
    elsewhere = Settings(_env_file=None, doublet_home=home, blob_store="s3://bucket/prefix")
    assert "blobs" not in spaces(elsewhere)
