"""A day from the service's answer to its event, or to the reason why there is none."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.admission import Limits
from infra.blobs import Blob, BlobStore
from infra.database.engine import Database
from infra.database.models import ApodState, Lane
from infra.eventlog.topics import APOD
from infra.events.pictures import ClaimCheck, read_submission
from producers.apod.v2 import ApodV2
from producers.apod.web import Web, WebPolicy
from producers.ledger import Ledger, Verdict
from producers.publishing import Publisher
from tests.fixtures.apod_servers import ApodServer, Recorded, v1_placeholder, v2_entry
from tests.producers.conftest import ListedEvents, SettableClock, picture

TODAY = date(2026, 11, 23)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def ledger(sqlite: Database, clock: SettableClock) -> Ledger:
    return Ledger(sqlite, clock)


@pytest.fixture
def publisher(
    apod_server: ApodServer,
    ledger: Ledger,
    blobs: BlobStore,
    events: ListedEvents,
    clock: SettableClock,
) -> Iterator[Publisher]:
    web = Web(WebPolicy(origins=frozenset({apod_server.address}), download_bytes=10_000))
    source = ApodV2(web, apod_server.v2_url, clock)
    limits = Limits(max_bytes=10_000, max_pixels=100_000, max_side=1000)
    yield Publisher(source, web, ledger, blobs, events, limits, clock=clock)
    web.close()


def _publish(publisher: Publisher, ledger: Ledger, day: date = TODAY) -> Verdict:
    claim = ledger.claim(day)
    assert claim is not None
    verdict = publisher.publish(claim)
    row = ledger.read(day)
    assert (row.state, row.reason) == (verdict.state, verdict.reason)
    return verdict


def _lay_picture(server: ApodServer, day: date, content: bytes) -> None:
    server.put(f"/dynamicimage/{day}.png", Recorded(content, content_type="text/html"))


def test_a_picture_is_stored_and_sent_with_its_credit(
    publisher: Publisher,
    ledger: Ledger,
    apod_server: ApodServer,
    blobs: BlobStore,
    events: ListedEvents,
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    _lay_picture(apod_server, TODAY, picture(form="JPEG"))
    assert _publish(publisher, ledger).state is ApodState.PUBLISHED
    ((topic, key, value, headers),) = events.sent
    assert (topic, key) == (APOD, b"apod:2026-11-23")
    submission = read_submission(headers, value)
    assert submission.lane is Lane.APOD
    assert submission.event_id == ledger.read(TODAY).event_id
    assert (submission.credit, submission.copyright) == ("Some One & Co.", "Some One")
    assert isinstance(submission.content, ClaimCheck)
    assert submission.content.media_type == "image/jpeg"  # by its bytes
    assert blobs.get(Blob(submission.content.blob.sha256)) == picture(form="JPEG")
    assert apod_server.requests[-1] == f"/dynamicimage/{TODAY}.png"  # in its original size


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"media_type": "video"}, "the day is video, see http"),
        ({"media_type": "iframe"}, "the day is iframe, see http"),
        ({"media_type": "other"}, "of another kind"),
        ({"hdurl": None}, "names no picture"),
        ({"hdurl": "https://www.youtube.com/embed/x"}, "youtube.com is not one of NASA's hosts"),
    ],
)
def test_a_day_that_is_no_picture_is_skipped_with_its_reason(
    publisher: Publisher,
    ledger: Ledger,
    apod_server: ApodServer,
    events: ListedEvents,
    changes: dict[str, str],
    reason: str,
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, **changes))
    verdict = _publish(publisher, ledger)
    assert verdict.state is ApodState.SKIPPED
    assert reason in str(verdict.reason)
    assert ledger.read(TODAY).title  # what the day was is kept
    assert events.sent == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x00\x00\x00\x14ftypqt  ", "not a readable picture"),
        (b"<html></html>", "not a readable picture"),
        (b"", "empty"),
        (picture(1001, 1), "MAX_PICTURE_SIDE"),
        (bytes(10_001), "more than 10000 bytes"),
    ],
)
def test_a_file_that_is_not_taken_skips_the_day(
    publisher: Publisher, ledger: Ledger, apod_server: ApodServer, content: bytes, reason: str
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    _lay_picture(apod_server, TODAY, content)
    verdict = _publish(publisher, ledger)
    assert verdict.state is ApodState.SKIPPED
    assert reason in str(verdict.reason)


def test_a_day_that_is_not_out_yet_waits_and_an_old_one_is_skipped(
    publisher: Publisher, ledger: Ledger
) -> None:
    assert _publish(publisher, ledger).state is ApodState.WAITING
    assert _publish(publisher, ledger, TODAY - timedelta(days=6)).state is ApodState.WAITING
    assert _publish(publisher, ledger, TODAY - timedelta(days=7)).state is ApodState.SKIPPED


def test_a_picture_that_is_not_there_yet_waits(
    publisher: Publisher, ledger: Ledger, apod_server: ApodServer
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    assert _publish(publisher, ledger).state is ApodState.WAITING


def test_the_placeholder_waits_however_old_the_day(
    publisher: Publisher, ledger: Ledger, apod_server: ApodServer
) -> None:
    old = date(2020, 1, 1)
    apod_server.v2(old, v1_placeholder())
    verdict = _publish(publisher, ledger, old)
    assert verdict.state is ApodState.WAITING
    assert "placeholder" in str(verdict.reason)


def test_a_request_limit_is_kept_in_the_ledger(
    publisher: Publisher, ledger: Ledger, apod_server: ApodServer, clock: SettableClock
) -> None:
    apod_server.v2(TODAY, Recorded(b"", 429, headers={"retry-after": "2870"}))
    _publish(publisher, ledger)
    assert ledger.read(TODAY).next_try_at == clock.now + timedelta(seconds=2870)


def test_kafka_being_away_costs_nothing_but_time(
    publisher: Publisher,
    ledger: Ledger,
    apod_server: ApodServer,
    events: ListedEvents,
    clock: SettableClock,
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    _lay_picture(apod_server, TODAY, picture())
    events.away = True
    verdict = _publish(publisher, ledger)
    assert verdict.state is ApodState.WAITING
    assert "Kafka" in str(verdict.reason)
    events.away = False
    clock.forward(minutes=1)
    assert _publish(publisher, ledger).state is ApodState.PUBLISHED
    assert len(events.sent) == 1
