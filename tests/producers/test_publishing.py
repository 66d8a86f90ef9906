"""A day from the service's answer to its event, or to the reason why there is none."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from infra.admission import Limits
from infra.blobs import Blob, BlobStore
from infra.database.engine import Database
from infra.database.models import ApodState, Lane, StandIn
from infra.eventlog.topics import APOD
from infra.events.pictures import ClaimCheck, read_submission
from producers.apod.stand_in import OnVideo
from producers.apod.v2 import ApodV2
from producers.apod.web import Web, WebPolicy
from producers.ledger import Ledger, Verdict
from producers.publishing import Publisher
from producers.standing import Delay, delays
from tests.fixtures.apod_servers import ApodServer, Recorded, v1_placeholder, v2_entry
from tests.producers.conftest import ListedEvents, SettableClock, picture

TODAY = date(2026, 11, 23)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def ledger(sqlite: Database, clock: SettableClock) -> Ledger:
    return Ledger(sqlite, clock)


Publishing = Callable[..., Publisher]


@pytest.fixture
def publishing(
    apod_server: ApodServer,
    ledger: Ledger,
    blobs: BlobStore,
    events: ListedEvents,
    clock: SettableClock,
) -> Iterator[Publishing]:
    """Makes publishers that do this or that on days that are no picture."""
    origins = frozenset({apod_server.address})
    web = Web(WebPolicy(origins=origins, download_bytes=10_000, download_tries=1))
    source = ApodV2(web, apod_server.v2_url, clock)
    limits = Limits(max_bytes=10_000, max_pixels=100_000, max_side=1000)

    def publishing(on_video: OnVideo = "skip") -> Publisher:
        return Publisher(source, web, ledger, blobs, events, limits, on_video, clock)

    yield publishing
    web.close()


@pytest.fixture
def publisher(publishing: Publishing) -> Publisher:
    return publishing()


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
        ({"hdurl": None}, "the service names none"),
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


def _data(events: ListedEvents) -> dict[str, Any]:
    """Of the only event."""
    ((_, _, value, _),) = events.sent
    data: dict[str, Any] = json.loads(value or b"")
    return data


YESTERDAY = TODAY - timedelta(days=1)


def test_a_videos_poster_takes_its_place_where_the_operator_wants_it(
    publishing: Publishing, ledger: Ledger, apod_server: ApodServer, events: ListedEvents
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, media_type="video"))
    _lay_picture(apod_server, TODAY, picture())
    assert _publish(publishing("poster"), ledger).state is ApodState.PUBLISHED
    row = ledger.read(TODAY)
    assert (row.media_type, row.stand_in) == ("video", StandIn.POSTER)
    assert "the day is video, see http" in str(row.reason)
    assert "this is its poster" in str(row.reason)
    data = _data(events)
    assert (data["standIn"], data["remark"]) == ("poster", row.reason)
    assert data["copyright"] == "Some One"


def test_without_a_poster_the_day_is_skipped_all_the_same(
    publishing: Publishing, ledger: Ledger, apod_server: ApodServer, events: ListedEvents
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, media_type="video", hdurl=None))
    verdict = _publish(publishing("poster"), ledger)
    assert verdict.state is ApodState.SKIPPED
    assert "shows no poster" in str(verdict.reason)
    assert events.sent == []


def test_the_previous_picture_takes_the_place_with_its_own_rights_and_says_so(
    publishing: Publishing, ledger: Ledger, apod_server: ApodServer, events: ListedEvents
) -> None:
    before = TODAY - timedelta(days=2)
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, media_type="iframe", copyright="A Filmer"))
    apod_server.v2(YESTERDAY, v2_entry(apod_server, YESTERDAY, media_type="video"))
    entry = v2_entry(apod_server, before, title="Before", copyright="", credit="NASA")
    apod_server.v2(before, entry)
    _lay_picture(apod_server, before, picture())
    assert _publish(publishing("previous-image"), ledger).state is ApodState.PUBLISHED
    row = ledger.read(TODAY)
    assert (row.stand_in, row.copyright) == (StandIn.PREVIOUS_IMAGE, "A Filmer")
    data = _data(events)
    assert (data["date"], data["title"]) == (str(TODAY), "Before")
    assert (data["standIn"], data["copyright"], data["credit"]) == ("previous-image", None, "NASA")
    assert f"the day is iframe, see {row.permalink}" in data["remark"]
    assert f"this is the picture of {before}" in data["remark"]
    ((_, key, value, headers),) = events.sent
    assert key == b"apod:2026-11-23"
    assert read_submission(headers, value).remark == data["remark"]


def test_a_week_without_a_picture_leaves_the_day_skipped(
    publishing: Publishing, ledger: Ledger, apod_server: ApodServer
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, media_type="video"))
    verdict = _publish(publishing("previous-image"), ledger)
    assert verdict.state is ApodState.SKIPPED
    assert "nor was there one" in str(verdict.reason)
    assert len(apod_server.requests) == 1 + 7


def test_a_film_in_the_place_of_the_large_picture_gives_way_to_the_small_one(
    publisher: Publisher, ledger: Ledger, apod_server: ApodServer, events: ListedEvents
) -> None:
    film = apod_server.put("/image/big.mov", Recorded(b"\x00\x00\x00\x14ftypqt  "))
    small = apod_server.put("/image/small.gif", Recorded(picture(form="GIF")))
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY, hdurl=film, url=small))
    assert _publish(publisher, ledger).state is ApodState.PUBLISHED
    assert _data(events)["mediaType"] == "image/gif"
    assert _data(events)["pictureUrl"] == ledger.read(TODAY).picture_url == small


def test_what_kafka_stored_without_saying_so_is_not_sent_twice(
    publisher: Publisher,
    ledger: Ledger,
    apod_server: ApodServer,
    events: ListedEvents,
    clock: SettableClock,
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    _lay_picture(apod_server, TODAY, picture())
    events.forgetful = True
    assert _publish(publisher, ledger).state is ApodState.WAITING
    events.forgetful = False
    clock.forward(minutes=1)
    assert _publish(publisher, ledger).state is ApodState.PUBLISHED
    assert len(events.sent) == 1


def test_who_comes_back_after_his_lease_sends_nothing(
    publisher: Publisher,
    ledger: Ledger,
    apod_server: ApodServer,
    events: ListedEvents,
    clock: SettableClock,
) -> None:
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    _lay_picture(apod_server, TODAY, picture())
    first = ledger.claim(TODAY)
    clock.forward(minutes=5)
    second = ledger.claim(TODAY)
    assert first is not None
    assert second is not None
    publisher.publish(first)
    assert events.sent == []
    publisher.publish(second)
    assert len(events.sent) == 1
    assert ledger.read(TODAY).state is ApodState.PUBLISHED


def test_how_late_the_service_has_a_day_is_written_down(
    publisher: Publisher,
    ledger: Ledger,
    sqlite: Database,
    apod_server: ApodServer,
    clock: SettableClock,
) -> None:
    clock.now = datetime(2026, 11, 23, 5, 5, tzinfo=UTC)  # 00:05 in New York
    ledger.note_missing()
    _publish(publisher, ledger)
    clock.forward(hours=2)
    _publish(publisher, ledger)
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    clock.forward(hours=1)
    _publish(publisher, ledger)  # the entry is there, the picture is not
    _lay_picture(apod_server, TODAY, picture())
    clock.forward(hours=5)
    _publish(publisher, ledger)
    [delay] = delays(sqlite, 10)
    assert delay == Delay(TODAY, timedelta(hours=2), timedelta(hours=3))
