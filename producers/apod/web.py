"""NASA's web: requests that go nowhere else, and end in time."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import IO, Protocol

import httpx

from infra.errors import DoubletError
from infra.settings import MEBIBYTE, Settings
from producers.apod.source import ApodMissing, ApodUnavailable

NASA = frozenset(
    {
        "https://science.nasa.gov",  # the v2 service and the days' pages
        "https://assets.science.nasa.gov",  # its pictures
        "https://api.nasa.gov",  # the v1 service
        "https://apod.nasa.gov",  # its pictures
        "https://www.nasa.gov",  # where some of them have moved to
    }
)
"""Origins that a request may go to, redirects included: an address in an answer is only data,
and must not send us into somebody's own network."""

_CONNECT_SECONDS = 5.0
"""A host that is there answers within one; more would only delay saying that it is not."""
_SILENCE_SECONDS = 10.0
"""How long a server may send nothing in the middle of an answer."""
_REDIRECTS = 5
"""More hops than any of NASA's addresses takes."""
_ANSWER_BYTES = 4 * MEBIBYTE
"""A day's entry has some 10 KiB; whatever is larger is not one."""
_GONE = (404, 410)
_PARTIAL = 206


class AddressRefused(DoubletError):
    """An address, or what lies there, that we do not fetch however often it is offered."""


@dataclass(frozen=True)
class WebPolicy:
    """Where requests may go, and how much they may take."""

    origins: frozenset[str] | None = NASA
    """``scheme://host[:port]``; None: any host, by https alone."""
    answer_seconds: float = 20
    download_seconds: float = 120
    download_bytes: int = 256 * MEBIBYTE
    download_tries: int = 4
    """A download that breaks off goes on where it stood, or begins again."""
    rest_seconds: float = 0.5
    """Before the second try, give or take half; twice as long before each further one."""

    @classmethod
    def of(cls, settings: Settings) -> "WebPolicy":
        """As the settings have them; the services that the operator named are trusted too."""
        services = (settings.apod_v2_url, settings.apod_v1_url)
        return cls(
            origins=NASA | {_origin(httpx.URL(service)) for service in services},
            answer_seconds=settings.apod_timeout_seconds,
            download_seconds=settings.apod_download_seconds,
            download_bytes=settings.max_picture_bytes,
        )

    def require_allowed(self, url: httpx.URL) -> None:
        """Refuse an address that a request must not go to.

        Raises:
            AddressRefused: it is outside the policy.
        """
        if self.origins is None:
            if url.scheme != "https" or not url.host:
                raise AddressRefused(f"{str(url)[:200]!r} is not an https address")
        elif _origin(url) not in self.origins:
            raise AddressRefused(f"{_origin(url)} is not one of NASA's hosts that we fetch from")


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    body: bytes
    headers: httpx.Headers = field(default_factory=httpx.Headers)


class Meter(Protocol):
    """Counts what a service is asked."""

    def spend(self) -> None:
        """One request is about to go; raises ApodUnavailable where none may."""

    def heed(self, answer: Answer) -> None:
        """What the service says of its limits."""


class Web:
    """A client of the web, as far as the policy lets it go. Close it when done."""

    def __init__(
        self,
        policy: WebPolicy | None = None,
        meter: Meter | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._policy = policy or WebPolicy()
        self._meter = meter
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
            headers={"user-agent": "doublet", "accept": "application/json, image/*"},
            follow_redirects=False,  # every hop is checked, below
        )

    def ask(self, url: str, parameters: dict[str, str] | None = None) -> Answer:
        """A service's whole answer, whatever its status.

        Raises:
            ApodUnavailable: there is no answer, or not in time, or it leads away from NASA; or
                the service wants to be left alone.
        """
        address = httpx.URL(url, params=parameters) if parameters else httpx.URL(url)
        if self._meter:
            self._meter.spend()
        try:
            with self._opened(address) as response:
                body = b"".join(_pieces(response, _ANSWER_BYTES, self._policy.answer_seconds))
                answer = Answer(response.status_code, body, response.headers)
        except AddressRefused as error:
            raise ApodUnavailable(f"the APOD service is not usable: {error}") from error
        if self._meter:
            self._meter.heed(answer)
        return answer

    def download(self, url: str, file: IO[bytes]) -> None:
        """Write what lies at an address to an empty file.

        What breaks off is tried again within the policy's time, from where it stood if the host
        can do that.

        Raises:
            AddressRefused: it lies outside NASA's hosts, or is too large.
            ApodMissing: there is nothing at the address.
            ApodUnavailable: the host is away or too slow.
        """
        address = _parsed(url)
        part = _Part(file, self._policy.download_bytes)
        deadline = time.monotonic() + self._policy.download_seconds
        for tries in count(1):
            try:
                self._fetch_rest(address, part, deadline)
            except ApodUnavailable:
                rest = _rest(self._policy.rest_seconds, tries)
                if tries == self._policy.download_tries or time.monotonic() + rest > deadline:
                    raise
                time.sleep(rest)
            else:
                return

    def _fetch_rest(self, address: httpx.URL, part: "_Part", deadline: float) -> None:
        with self._opened(address, part.headers()) as response:
            if response.status_code in _GONE:
                raise ApodMissing(f"there is no picture at {address}: {response.status_code}")
            if response.status_code not in (httpx.codes.OK, _PARTIAL):
                raise ApodUnavailable(
                    f"{address.host} answers {response.status_code} for {address}", fault=True
                )
            part.begin(response)
            for piece in _pieces_until(response, deadline, self._policy.download_seconds):
                part.write(piece, response.url.host)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    @contextmanager
    def _opened(
        self, url: httpx.URL, headers: dict[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        for _ in range(_REDIRECTS + 1):
            self._policy.require_allowed(url)
            with (
                _translated(url),
                self._client.stream("GET", url, headers=headers) as response,
            ):
                if not response.has_redirect_location:
                    yield response
                    return
                url = url.join(_parsed(response.headers["location"]))
        raise AddressRefused(f"{url.host} redirects more than {_REDIRECTS} times")


class _Part:
    """A file that is being fetched, as far as it has come."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._version: str | None = None

    def headers(self) -> dict[str, str]:
        """What asks for the rest of the same version, or for the whole."""
        # A compressed body has no places to go on from.
        whole = {"accept-encoding": "identity"}
        if self._version is None or self._file.tell() == 0:
            return whole
        return {**whole, "range": f"bytes={self._file.tell()}-", "if-range": self._version}

    def begin(self, response: httpx.Response) -> None:
        """Go on where the file ends, if that is where the answer begins; else from the start."""
        stands = f"bytes {self._file.tell()}-"
        if response.status_code == _PARTIAL:
            if not response.headers.get("content-range", "").startswith(stands):
                raise ApodUnavailable(f"{response.url.host} sends another part than asked for")
            return
        self._file.seek(0)
        self._file.truncate()
        version = response.headers.get("etag", "")
        # A weak one promises no equal bytes; and a compressed body came all the same.
        goes_on = version.startswith('"') and "content-encoding" not in response.headers
        self._version = version if goes_on else None

    def write(self, piece: bytes, host: str) -> None:
        """Add what came, within the limit."""
        if self._file.tell() + len(piece) > self._max_bytes:
            raise AddressRefused(f"{host} sends more than {self._max_bytes} bytes")
        self._file.write(piece)


def _rest(first_seconds: float, tries: int) -> float:
    """With jitter: many that were cut off at once do not come back at once."""
    return first_seconds * 2.0 ** (tries - 1) * random.uniform(0.5, 1.5)


def _pieces(response: httpx.Response, max_bytes: int, seconds: float) -> Iterator[bytes]:
    left = max_bytes
    for piece in _pieces_until(response, time.monotonic() + seconds, seconds):
        left -= len(piece)
        if left < 0:
            raise AddressRefused(f"{response.url.host} sends more than {max_bytes} bytes")
        yield piece


def _pieces_until(response: httpx.Response, deadline: float, seconds: float) -> Iterator[bytes]:
    for piece in response.iter_bytes():
        if time.monotonic() > deadline:
            raise ApodUnavailable(f"{response.url.host} sends too slowly: {seconds:g} s are over")
        yield piece


@contextmanager
def _translated(url: httpx.URL) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise ApodUnavailable(f"cannot reach {url.host}: {error}") from error
    except httpx.TimeoutException as error:
        raise ApodUnavailable(f"{url.host} does not answer in time") from error
    except httpx.HTTPError as error:
        raise ApodUnavailable(f"{url.host} broke off: {error}") from error


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused(f"{url[:200]!r} is not an address: {error}") from error


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
