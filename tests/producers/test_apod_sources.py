"""Both forms of the service, against recorded answers: every one has a stated outcome."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.blobs import Blob
from infra.events.pictures import ClaimCheck, apod_event, read_submission
from producers.apod.source import (
    ApodEntry,
    ApodMissing,
    ApodSource,
    ApodUnavailable,
    MediaType,
)
from producers.apod.stand_in import Choice
from producers.apod.v1 import ApodV1
from producers.apod.v2 import ApodV2
from producers.apod.web import Answer, Web, WebPolicy
from producers.publishing import metadata
from tests.data import shared_data
from tests.fixtures.apod_servers import (
    ApodServer,
    Recorded,
    v1_entry,
    v1_placeholder,
    v2_entry,
)

DAY = date(2026, 10, 2)
NOON = datetime(2026, 10, 2, 12, tzinfo=UTC)

Lay = Callable[[Any], None]


@pytest.fixture
def web(apod_server: ApodServer) -> Iterator[Web]:
    web = Web(WebPolicy(origins=frozenset({apod_server.address}), answer_seconds=5))
    yield web
    web.close()


@pytest.fixture
def v2(web: Web, apod_server: ApodServer) -> ApodV2:
    return ApodV2(web, apod_server.v2_url, lambda: NOON)


@pytest.fixture
def v1(web: Web, apod_server: ApodServer) -> ApodV1:
    return ApodV1(web, apod_server.v1_url, "A_KEY", lambda: NOON)


@pytest.fixture(params=["v1", "v2"])
def source(request: pytest.FixtureRequest) -> ApodSource:
    source: ApodSource = request.getfixturevalue(request.param)
    return source


@pytest.fixture
def lay(source: ApodSource, apod_server: ApodServer) -> Lay:
    """Lays down what the service under test answers for DAY."""

    def lay(answer: Any) -> None:
        put = apod_server.v1 if isinstance(source, ApodV1) else apod_server.v2
        put(DAY, answer)

    return lay


def test_v2_gives_plain_texts_and_the_original_picture(v2: ApodV2, apod_server: ApodServer) -> None:
    apod_server.v2(DAY, v2_entry(apod_server, DAY))
    assert v2.day(DAY) == ApodEntry(
        day=DAY,
        title="A Made-up Sky of October",
        media_type=MediaType.IMAGE,
        explanation=(
            "Nobody took this picture — it was made for a test.\nTomorrow's picture: another"
        ),
        credit="Some One & Co.",
        copyright="Some One",
        permalink=f"{apod_server.address}/image-article/apod-2026-10-02/",
        picture_urls=(f"{apod_server.address}/dynamicimage/2026-10-02.png",),
    )


def test_v2_strips_only_what_resizes(v2: ApodV2, apod_server: ApodServer) -> None:
    resized = "https://assets.science.nasa.gov/a.png?v=3&w=400&fit=clip&height=5"
    apod_server.v2(DAY, v2_entry(apod_server, DAY, hdurl=resized))
    assert v2.day(DAY).picture_urls == ("https://assets.science.nasa.gov/a.png?v=3&height=5",)


@pytest.mark.parametrize("missing", [None, ""])
def test_v2_never_takes_the_days_page_for_its_picture(
    v2: ApodV2, apod_server: ApodServer, missing: str | None
) -> None:
    apod_server.v2(DAY, v2_entry(apod_server, DAY, hdurl=missing))
    assert v2.day(DAY).picture_urls == ()


def test_v2_takes_url_where_it_is_not_the_days_page(v2: ApodV2, apod_server: ApodServer) -> None:
    small = "https://assets.science.nasa.gov/small.png"
    apod_server.v2(DAY, v2_entry(apod_server, DAY, hdurl=None, url=small))
    assert v2.day(DAY).picture_urls == (small,)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("video", MediaType.VIDEO),
        ("iframe", MediaType.IFRAME),
        ("other", MediaType.OTHER),
        ("hologram", MediaType.OTHER),
        (None, MediaType.OTHER),
    ],
)
def test_a_day_that_is_no_image_has_no_picture(
    source: ApodSource, apod_server: ApodServer, lay: Lay, said: str | None, kind: MediaType
) -> None:
    form = v1_entry if isinstance(source, ApodV1) else v2_entry
    lay(form(apod_server, DAY, media_type=said))
    entry = source.day(DAY)
    assert (entry.media_type, entry.picture_urls) == (kind, ())
    assert entry.permalink


def test_v1_gives_the_larger_picture_first_and_one_line_of_copyright(
    v1: ApodV1, apod_server: ApodServer
) -> None:
    apod_server.v1(DAY, v1_entry(apod_server, DAY))
    entry = v1.day(DAY)
    assert entry.picture_urls == (
        f"{apod_server.address}/image/2026-10-02_big.jpg",
        f"{apod_server.address}/image/2026-10-02.jpg",
    )
    assert entry.copyright == entry.credit == "Some One & Co."
    assert entry.permalink == "https://apod.nasa.gov/apod/ap261002.html"
    assert "api_key=A_KEY" in apod_server.requests[0]


def test_v1_takes_the_smaller_picture_where_there_is_no_larger(
    v1: ApodV1, apod_server: ApodServer
) -> None:
    fields = v1_entry(apod_server, DAY)
    del fields["hdurl"], fields["copyright"]
    apod_server.v1(DAY, fields)
    entry = v1.day(DAY)
    assert entry.picture_urls == (f"{apod_server.address}/image/2026-10-02.jpg",)
    assert entry.copyright is None


def test_a_day_that_is_not_there_is_missing(source: ApodSource) -> None:
    with pytest.raises(ApodMissing, match="2026-10-02"):
        source.day(DAY)


def test_v1_calls_a_day_that_has_not_come_missing_too(v1: ApodV1, apod_server: ApodServer) -> None:
    said = {"code": 400, "msg": "Date must be between Jun 16, 1995 and Oct 01, 2026."}
    apod_server.v1(DAY, Recorded(json.dumps(said).encode(), 400))
    with pytest.raises(ApodMissing):
        v1.day(DAY)


NOT_JSON = b"upstream connect error"
REFUSED = b'{"error": {"code": "API_KEY_INVALID", "message": "An invalid key."}}'


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Recorded(NOT_JSON, 503, "text/plain"), "503 .text/plain"),
        (Recorded(b"", 502), "502 .nothing"),
        (Recorded(b"<html></html>", 504, "text/html; charset=utf-8"), "504 .text/html"),
        (Recorded(b'{"code": 500, "msg": "Internal Service Error"}', 500), "Internal Service"),
        (Recorded(b'{"code": "rest_no_route", "message": "No route"}', 404), "404 .No route"),
        (Recorded(b"<h1>404</h1>", 404, "text/html"), "404"),
        (Recorded(b'{"code": "rest_invalid_param", "message": "Invalid"}', 400), "400 .Invalid"),
        (Recorded(REFUSED, 403), "An invalid key.*NASA_API_KEY"),
        (Recorded(b"<html></html>", 200, "text/html"), "text/html instead of an entry"),
        (Recorded(b"[]", 200), "instead of an entry"),
        (Recorded(b"null", 200), "instead of an entry"),
        (Recorded(b'{"date": "2026-10-02"}', 200), "no title"),
        (Recorded(b"x" * 5_000_000, 200), "more than"),
        (Recorded(b"", 302, headers={"location": "https://elsewhere.test/"}), "elsewhere.test"),
    ],
)
def test_trouble_is_waited_out_and_told_in_one_line(
    source: ApodSource, lay: Lay, answer: Recorded, says: str
) -> None:
    lay(answer)
    with pytest.raises(ApodUnavailable, match=says) as trouble:
        source.day(DAY)
    assert "\n" not in str(trouble.value)
    assert "A_KEY" not in str(trouble.value)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2870", timedelta(seconds=2870)),
        ("Fri, 02 Oct 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Fri, 02 Oct 2026 11:00:00 GMT", timedelta(0)),
        ("999999999999", timedelta(days=1)),
        ("soon", None),
        ("", None),
    ],
)
def test_a_request_limit_says_how_long_to_wait(
    source: ApodSource, lay: Lay, header: str, wait: timedelta | None
) -> None:
    lay(Recorded(b'{"error": {}}', 429, "text/html", {"retry-after": header}))
    with pytest.raises(ApodUnavailable, match="limit") as limited:
        source.day(DAY)
    assert limited.value.retry_after == wait


@pytest.mark.parametrize(
    "fields",
    [
        v1_placeholder(),
        v1_placeholder(date=DAY.isoformat()),  # by its marks alone
        v1_placeholder(date=DAY.isoformat(), title="Today"),
        v1_placeholder(date=DAY.isoformat(), url=None, hdurl=None),
    ],
)
def test_the_placeholder_is_refused(source: ApodSource, lay: Lay, fields: dict[str, Any]) -> None:
    lay(fields)
    with pytest.raises(ApodUnavailable, match="placeholder"):
        source.day(DAY)


def test_another_days_entry_is_refused(
    source: ApodSource, apod_server: ApodServer, lay: Lay
) -> None:
    form = v1_entry if isinstance(source, ApodV1) else v2_entry
    lay(form(apod_server, date(2023, 1, 1)))
    with pytest.raises(ApodUnavailable, match="answers for 2023-01-01"):
        source.day(DAY)


def test_a_service_that_is_not_there_is_said_so_at_once() -> None:
    nowhere = "http://127.0.0.1:9"
    web = Web(WebPolicy(origins=frozenset({nowhere})))
    with pytest.raises(ApodUnavailable, match=r"cannot reach 127\.0\.0\.1"):
        ApodV2(web, nowhere).day(DAY)
    web.close()


class Recording(Web):
    """Answers from a file, without the detour of a socket."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def ask(self, url: str, parameters: dict[str, str] | None = None) -> Answer:
        return self.answer


def _recorded(path: Path, status: int = 200) -> Recording:
    headers = httpx.Headers({"content-type": "application/json"})
    return Recording(Answer(status, path.read_bytes(), headers))


def test_every_recorded_day_of_v1_parses_and_makes_an_event() -> None:
    lines = (shared_data("apod") / "apod_v1_2007_2026-03.jsonl").read_text().split("\n")[:-1]
    claim = ClaimCheck(Blob("0" * 64), 1, "image/jpeg")
    for line in lines:
        fields = json.loads(line)
        day = date.fromisoformat(fields["date"])
        entry = ApodV1(Recording(Answer(200, line.encode())), "https://x.test", "k").day(day)
        assert (entry.day, entry.media_type) == (day, fields["media_type"])
        assert entry.title
        assert "\n" not in (entry.copyright or "")
        assert bool(entry.picture_urls) == (entry.media_type is MediaType.IMAGE)
        if day.day == 1 or len(entry.title + str(entry.credit)) > 200:
            event = apod_event(day, metadata(Choice(entry), "https://x.test/a.jpg"), claim, NOON)
            assert read_submission(event.headers(), event.data).name == entry.title


@pytest.mark.parametrize(
    ("name", "status", "outcome"),
    [
        ("400-bad-request-1.json", 400, ApodMissing),
        ("400-bad-request-2.json", 400, ApodUnavailable),
        ("403-api-key-invalid.json", 403, ApodUnavailable),
        ("403-api-key-missing.json", 403, ApodUnavailable),
        ("404-no-data.json", 404, ApodMissing),
        ("429-over-rate-limit.json", 429, ApodUnavailable),
        ("get-pods.json", 200, ApodUnavailable),
    ],
)
def test_every_recorded_error_of_v1_has_its_kind(
    name: str, status: int, outcome: type[Exception]
) -> None:
    recorded = _recorded(shared_data("apod/v1_recorded") / name, status)
    with pytest.raises(outcome):
        ApodV1(recorded, "https://x.test", "k").day(DAY)


def test_the_recorded_answers_of_v2_are_understood() -> None:
    folder = shared_data("apod/v2")

    def v2(name: str, status: int = 200) -> ApodV2:
        return ApodV2(_recorded(folder / name, status), "https://x.test")

    image = v2("image_261002_trimmed.json").day(date(2026, 10, 2))
    assert image.media_type is MediaType.IMAGE
    [picture_url] = image.picture_urls
    assert picture_url.endswith("sharpless_catalog.png")
    assert "<" not in image.explanation + str(image.credit)
    video = v2("video_260913_trimmed.json").day(date(2026, 9, 13))
    assert (video.media_type, video.picture_urls) == (MediaType.VIDEO, ())
    assert str(video.poster_url).endswith("Comet_snapshot.png")
    with pytest.raises(ApodMissing):
        v2("not_found_404.json", 404).day(DAY)
    placeholder = _recorded(folder / "v1_placeholder_200.json")
    with pytest.raises(ApodUnavailable, match="placeholder"):
        ApodV1(placeholder, "https://x.test", "k").day(date(2023, 1, 1))
