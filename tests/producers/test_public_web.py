"""A person's own addresses: any public host by https, and nothing inside a network."""

import io
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from infra.settings import Settings
from producers.apod.source import ApodMissing, ApodUnavailable
from producers.apod.web import AddressRefused, Web, WebPolicy
from producers.public_web import PublicTransport, is_public, public_web
from tests.fixtures.certificates import Authority

HOST = "pictures.test"

Fetch = Callable[[str], bytes]


class Handler(BaseHTTPRequestHandler):
    """``/to?ADDRESS`` redirects there, ``/host`` says which host was asked for."""

    def do_GET(self) -> None:
        path, _, target = self.path.partition("?")
        self.send_response({"/to": 302, "/gone": 404}.get(path, 200))
        if target:
            self.send_header("location", target)
        self.end_headers()
        self.wfile.write(self.headers["host"].encode() if path == "/host" else bytes(900))

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def address(authority: Authority) -> Iterator[str]:
    """Of an https server that the name HOST leads to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certify(HOST).both)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetch(authority: Authority) -> Iterator[Fetch]:
    """Fetches as the command does, in a world where only 127.0.0.1 is public."""
    hosts = {
        HOST: ["127.0.0.1"],
        "inside.test": ["127.0.0.2"],
        "both.test": ["127.0.0.1", "10.0.0.1"],
    }
    transport = PublicTransport(
        resolve=lambda host: hosts.get(host, [host]),
        is_allowed=lambda address: address == "127.0.0.1",
        verify=ssl.create_default_context(cafile=authority.file),
    )
    web = Web(WebPolicy(origins=None, download_bytes=1000), transport=transport)

    def fetch(url: str) -> bytes:
        file = io.BytesIO()
        web.download(url, file)
        return file.getvalue()

    yield fetch
    web.close()


def test_the_checked_address_is_asked_in_the_names_own_name(fetch: Fetch, address: str) -> None:
    assert fetch(f"{address}/host").decode() == address.removeprefix("https://")


def test_redirects_are_followed_between_public_hosts(fetch: Fetch, address: str) -> None:
    assert fetch(f"{address}/to?{address}/picture") == bytes(900)


@pytest.mark.parametrize(
    "target",
    [
        "https://inside.test/picture",
        "https://127.0.0.2/picture",
        "https://both.test/picture",
        "http://pictures.test/picture",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_into_a_network_is_not_followed(fetch: Fetch, address: str, target: str) -> None:
    with pytest.raises(AddressRefused, match=r"not a public address|not an https address"):
        fetch(f"{address}/to?{target}")


def test_another_names_certificate_is_not_taken(fetch: Fetch, address: str) -> None:
    with pytest.raises(ApodUnavailable, match="certificate"):
        fetch(address.replace(HOST, "127.0.0.1") + "/picture")


def test_what_is_not_there_is_said(fetch: Fetch, address: str) -> None:
    with pytest.raises(ApodMissing, match="404"):
        fetch(f"{address}/gone")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost:8501/",
        "https://[::1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://93.184.215.14@127.0.0.1/",
        "file:///etc/passwd",
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https:///nowhere",
    ],
)
def test_the_command_goes_into_no_network(url: str) -> None:
    with closing(public_web(Settings(_env_file=None))) as web, pytest.raises(AddressRefused):
        web.download(url, io.BytesIO())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("fec0::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:53aa:64c::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_that_changes_its_address_is_looked_up_once(
    authority: Authority, address: str
) -> None:
    """Public at the first question, inside at the next: only the first answer is connected to."""
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    transport = PublicTransport(
        resolve,
        is_allowed=lambda it: it == "127.0.0.1",
        verify=ssl.create_default_context(cafile=authority.file),
    )
    with closing(Web(WebPolicy(origins=None), transport=transport)) as web:
        file = io.BytesIO()
        web.download(f"{address}/picture", file)
        assert (len(file.getvalue()), asked) == (900, [HOST])
        with pytest.raises(AddressRefused):
            web.download(f"{address}/picture", io.BytesIO())


def test_a_name_that_nobody_knows_is_a_host_that_is_away() -> None:
    def unknown(host: str) -> list[str]:
        raise httpx.ConnectError("the name is not known")

    with closing(Web(WebPolicy(origins=None), transport=PublicTransport(unknown))) as web:  # noqa: SIM117
        with pytest.raises(ApodUnavailable, match=r"cannot reach nowhere\.test"):
            web.download("https://nowhere.test/x", io.BytesIO())
