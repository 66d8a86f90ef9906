"""Both services as they were recorded, asked over HTTP: every answer has a stated outcome."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.admission import Limits
from infra.blobs import BlobStore
from infra.database.engine import Database
from infra.database.models import ApodState, StandIn
from producers.apod.budget import Budget
from producers.apod.source import ApodMissing, ApodSource, ApodUnavailable, MediaType
from producers.apod.stand_in import OnVideo
from producers.apod.v1 import ApodV1
from producers.apod.v2 import ApodV2
from producers.apod.web import Web, WebPolicy
from producers.backfill import Backfill
from producers.backfiller import Backfiller
from producers.ledger import Ledger
from producers.publishing import Publisher
from tests.data import shared_data
from tests.fixtures.recorded_apod import Manners, RecordedApod
from tests.producers.conftest import ListedEvents, SettableClock

IMAGE, VIDEO, PLACEHOLDER = date(2026, 10, 2), date(2026, 9, 13), date(2023, 1, 1)
LIMITS = Limits(max_bytes=10_000, max_pixels=100_000, max_side=1000)

Serve = Callable[..., RecordedApod]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts recorded servers with these or those manners."""
    servers: list[RecordedApod] = []

    def serve(**manners: int) -> RecordedApod:
        servers.append(RecordedApod(shared_data("apod"), Manners(**manners)))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


def _web(server: RecordedApod, budget: Budget | None = None) -> Web:
    return Web(WebPolicy(origins=frozenset({server.address}), download_tries=1), budget)


def _v1(server: RecordedApod, web: Web) -> ApodV1:
    return ApodV1(web, server.v1_url, "A_KEY")


def test_v2_answers_an_image_a_video_nothing_and_the_placeholder(serve: Serve) -> None:
    server = serve()
    with closing(_web(server)) as web:
        v2: ApodSource = ApodV2(web, server.v2_url)
        image = v2.day(IMAGE)
        assert image.media_type is MediaType.IMAGE
        assert (image.credit, image.copyright) == ("Bing Xin", "Bing Xin")
        assert "<" not in image.explanation
        assert [url.rpartition("/")[2] for url in image.picture_urls] == ["sharpless_catalog.png"]
        assert v2.day(VIDEO).media_type is MediaType.VIDEO
        with pytest.raises(ApodMissing):
            v2.day(date(2026, 10, 3))
        with pytest.raises(ApodUnavailable, match="placeholder"):
            v2.day(PLACEHOLDER)


def test_v1_answers_its_days_and_every_recorded_error(serve: Serve) -> None:
    server = serve(fault_every=1)  # each day fails once: 500, 503, 429 in turn
    with closing(_web(server)) as web:
        v1: ApodSource = _v1(server, web)
        first, second, third = server.days[:3]
        with pytest.raises(ApodUnavailable, match=r"500 .Internal Service Error"):
            v1.day(first)
        with pytest.raises(ApodUnavailable, match=r"503 .text/plain"):
            v1.day(second)
        with pytest.raises(ApodUnavailable, match="limit") as limited:
            v1.day(third)
        assert limited.value.retry_after == timedelta(seconds=2870)
        assert v1.day(first).day == first
        with pytest.raises(ApodMissing):
            v1.day(date(1995, 6, 17))  # 404
        with pytest.raises(ApodMissing):
            v1.day(date(2026, 11, 23))  # 400: it has not come yet
        assert web.ask(server.v1_url, {"date": f"{first}"}).status == 403  # without a key


@pytest.mark.parametrize(
    ("on_video", "state", "stand_in", "title"),
    [
        ("skip", ApodState.SKIPPED, None, None),
        ("poster", ApodState.PUBLISHED, StandIn.POSTER, "Comet NEOWISE Rising"),
        ("previous-image", ApodState.SKIPPED, None, None),  # nothing before it was recorded
    ],
)
def test_the_recorded_video_ends_as_the_operator_chose(
    serve: Serve,
    sqlite: Database,
    blobs: BlobStore,
    events: ListedEvents,
    clock: SettableClock,
    on_video: OnVideo,
    state: ApodState,
    stand_in: StandIn | None,
    title: str | None,
) -> None:
    server = serve()
    ledger = Ledger(sqlite, clock)
    with closing(_web(server)) as web:
        source = ApodV2(web, server.v2_url, clock)
        publisher = Publisher(source, web, ledger, blobs, events, LIMITS, on_video, clock)
        claim = ledger.claim(VIDEO)
        assert claim is not None
        publisher.publish(claim)
    row = ledger.read(VIDEO)
    assert (row.state, row.stand_in, row.media_type) == (state, stand_in, "video")
    assert "the day is video, see https://science.nasa.gov/image-article/" in str(row.reason)
    assert str(row.title).startswith("Comet NEOWISE Rising")
    assert len(events.sent) == (title is not None)


def test_a_month_of_recorded_days_with_faults_and_a_request_limit_ends_completely(
    serve: Serve, sqlite: Database, blobs: BlobStore, events: ListedEvents, clock: SettableClock
) -> None:
    server = serve(fault_every=5, limit=1000)
    budget = Budget(sqlite, "recorded", 1000, clock)
    backfill = Backfill(sqlite, budget, clock)
    ledger = Ledger(sqlite, clock)
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    backfill.ask_for(first, last)
    with closing(_web(server, budget)) as web:
        publisher = Publisher(_v1(server, web), web, ledger, blobs, events, LIMITS, clock=clock)
        backfiller = Backfiller(backfill, budget, ledger, publisher, clock)
        while (wait := backfiller.step()) is not None:
            clock.now += wait
    progress = backfill.progress()
    assert (progress.published, progress.skipped, progress.failed) == (
        25,
        6,
        0,
    )  # four videos, two not recorded
    assert len({key for _, key, _, _ in events.sent}) == len(events.sent) == 25
    asked = [path for path in server.requests if path.startswith("/planetary")]
    assert progress.requests_used == len(asked)
    # What the service counted, itself: what it answered with 429 for a fault counts as well.
    assert progress.requests_left == 1000 - len(asked)


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        (date(2007, 1, 20), "sohoMcNaught_cropframe.jpg"),  # hdurl is a .mov
        (date(2015, 1, 25), "proanim3_soho_640.gif"),  # hdurl is an .mp4
        (date(2018, 8, 6), "nusoft.fnal.gov is not one of NASA's hosts that we fetch from"),
        (date(2020, 6, 16), "www.youtube.com is not one of NASA's hosts that we fetch from"),
    ],
)
def test_real_days_whose_large_picture_is_none(
    serve: Serve,
    sqlite: Database,
    blobs: BlobStore,
    events: ListedEvents,
    clock: SettableClock,
    day: date,
    ends: str,
) -> None:
    server = serve()
    ledger = Ledger(sqlite, clock)
    with closing(_web(server)) as web:
        publisher = Publisher(_v1(server, web), web, ledger, blobs, events, LIMITS, clock=clock)
        claim = ledger.claim(day)
        assert claim is not None
        verdict = publisher.publish(claim)
    assert str(verdict.reason or verdict.picture_url).endswith(ends)
    assert (verdict.state is ApodState.PUBLISHED) == (len(events.sent) == 1) == ("NASA" not in ends)
