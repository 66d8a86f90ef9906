"""Downloads: only from NASA, and only so much for so long."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.settings import Settings
from producers.apod.source import ApodMissing, ApodUnavailable
from producers.apod.web import NASA, AddressRefused, Web, WebPolicy, _rest
from tests.fixtures.apod_servers import ApodServer, Recorded


def _redirect(to: str) -> Recorded:
    return Recorded(b"", 302, headers={"location": to})


@pytest.fixture
def web(apod_server: ApodServer) -> Iterator[Web]:
    policy = WebPolicy(
        origins=frozenset({apod_server.address}),
        download_seconds=0.2,
        download_bytes=1000,
        download_tries=1,
    )
    web = Web(policy)
    yield web
    web.close()


def _download(web: Web, url: str) -> bytes:
    file = io.BytesIO()
    web.download(url, file)
    return file.getvalue()


def test_a_file_at_the_limit_is_fetched(web: Web, apod_server: ApodServer) -> None:
    url = apod_server.put("/a.png", Recorded(bytes(1000)))
    assert _download(web, url) == bytes(1000)


def test_a_larger_one_is_not(web: Web, apod_server: ApodServer) -> None:
    url = apod_server.put("/a.png", Recorded(bytes(1001)))
    with pytest.raises(AddressRefused, match="more than 1000 bytes"):
        _download(web, url)


def test_a_slow_one_is_given_up(web: Web, apod_server: ApodServer) -> None:
    url = apod_server.put("/a.png", Recorded(bytes(100), drip_seconds=0.02))
    with pytest.raises(ApodUnavailable, match="too slowly"):
        _download(web, url)


def test_redirects_are_followed_within_the_list(web: Web, apod_server: ApodServer) -> None:
    apod_server.put("/b.png", Recorded(b"here"))
    apod_server.put("/moved.png", _redirect("/b.png"))
    url = apod_server.put("/a.png", _redirect(f"{apod_server.address}/moved.png"))
    assert _download(web, url) == b"here"


def test_a_redirect_out_of_the_list_is_not_followed(apod_server: ApodServer) -> None:
    elsewhere = ApodServer()
    web = Web(WebPolicy(origins=frozenset({apod_server.address})))
    try:
        out = elsewhere.put("/secret", Recorded(b"secret"))
        url = apod_server.put("/a.png", _redirect(out))
        with pytest.raises(AddressRefused, match="not one of NASA's hosts"):
            _download(web, url)
        assert elsewhere.requests == []
    finally:
        web.close()
        elsewhere.close()


@pytest.fixture
def patient(apod_server: ApodServer) -> Iterator[Web]:
    """Tries again at once, and has the time to."""
    origins = frozenset({apod_server.address})
    web = Web(WebPolicy(origins=origins, download_bytes=1000, rest_seconds=0))
    yield web
    web.close()


BODY = bytes(range(250)) * 4


def test_what_breaks_off_goes_on_where_it_stood(patient: Web, apod_server: ApodServer) -> None:
    whole = Recorded(BODY, headers={"etag": '"1"'})
    url = apod_server.put("/a.png", replace(whole, breaks_after=300), whole)
    assert _download(patient, url) == BODY
    assert apod_server.ranges == [None, "bytes=300-"]


@pytest.mark.parametrize("version", [{}, {"etag": 'W/"1"'}])
def test_without_a_version_it_begins_again(
    patient: Web, apod_server: ApodServer, version: dict[str, str]
) -> None:
    whole = Recorded(BODY, headers=version)
    url = apod_server.put("/a.png", replace(whole, breaks_after=300), whole)
    assert _download(patient, url) == BODY
    assert apod_server.ranges == [None, None]


def test_what_has_changed_meanwhile_is_fetched_as_a_whole(
    patient: Web, apod_server: ApodServer
) -> None:
    old = Recorded(b"old" * 100, headers={"etag": '"1"'}, breaks_after=200)
    url = apod_server.put("/a.png", old, Recorded(b"new", headers={"etag": '"2"'}))
    assert _download(patient, url) == b"new"


def test_the_limit_counts_what_came_before_the_break(patient: Web, apod_server: ApodServer) -> None:
    whole = Recorded(bytes(1001), headers={"etag": '"1"'})
    url = apod_server.put("/a.png", replace(whole, breaks_after=900), whole)
    with pytest.raises(AddressRefused, match="more than 1000 bytes"):
        _download(patient, url)


def test_a_busy_host_is_tried_again_but_not_for_ever(patient: Web, apod_server: ApodServer) -> None:
    busy = Recorded(b"", 503)
    assert _download(patient, apod_server.put("/a.png", busy, busy, Recorded(BODY))) == BODY
    apod_server.requests.clear()
    url = apod_server.put("/b.png", busy)
    with pytest.raises(ApodUnavailable, match="503"):
        _download(patient, url)
    assert len(apod_server.requests) == WebPolicy().download_tries


def test_what_is_not_there_is_not_tried_again(patient: Web, apod_server: ApodServer) -> None:
    with pytest.raises(ApodMissing):
        _download(patient, f"{apod_server.address}/nothing.png")
    assert len(apod_server.requests) == 1


def test_rests_grow_and_no_two_are_alike() -> None:
    rests = [[_rest(1.0, tries) for _ in range(20)] for tries in (1, 2, 3)]
    assert all(len(set(alike)) > 1 for alike in rests)
    assert [0.5 * 2**number <= min(each) <= max(each) <= 1.5 * 2**number for number, each in
            enumerate(rests)] == [True] * 3  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/embed/x",
        "http://apod.nasa.gov/apod/image/x.jpg",  # not encrypted
        "https://apod.nasa.gov:8443/x.jpg",
        "https://apod.nasa.gov@elsewhere.test/x.jpg",
        "https://apod.nasa.gov.elsewhere.test/x.jpg",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//apod.nasa.gov/x.jpg",
        "not an address",
        "https://[broken",
        "",
    ],
)
def test_addresses_outside_the_list_are_never_asked(url: str) -> None:
    web = Web()
    with pytest.raises(AddressRefused):
        _download(web, url)
    web.close()


def test_a_circle_of_redirects_ends(web: Web, apod_server: ApodServer) -> None:
    url = apod_server.put("/a.png", _redirect("/a.png"))
    with pytest.raises(AddressRefused, match="redirects more than"):
        _download(web, url)


def test_what_is_not_there_is_missing_and_what_fails_is_not(
    web: Web, apod_server: ApodServer
) -> None:
    with pytest.raises(ApodMissing):
        _download(web, f"{apod_server.address}/nothing.png")
    url = apod_server.put("/busy.png", Recorded(b"", 503))
    with pytest.raises(ApodUnavailable, match="503"):
        _download(web, url)


def test_the_configured_services_are_trusted_and_all_else_is_nasa() -> None:
    settings = Settings(apod_v2_url="http://mirror.test:8080/apod", _env_file=None)
    assert WebPolicy.of(settings).origins == NASA | {"http://mirror.test:8080"}
