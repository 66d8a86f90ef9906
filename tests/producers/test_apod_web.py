"""Downloads: only from NASA, and only so much for so long."""

import io
from collections.abc import Iterator

import pytest

from infra.settings import Settings
from producers.apod.source import ApodMissing, ApodUnavailable
from producers.apod.web import NASA, AddressRefused, Web, WebPolicy
from tests.fixtures.apod_servers import ApodServer, Recorded


def _redirect(to: str) -> Recorded:
    return Recorded(b"", 302, headers={"location": to})


@pytest.fixture
def web(apod_server: ApodServer) -> Iterator[Web]:
    policy = WebPolicy(
        origins=frozenset({apod_server.address}), download_seconds=0.2, download_bytes=1000
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
