"""The public web: what a person's own address may lead to, and nothing inside a network.

The address that was checked is the one that is connected to, redirects included: a name that is
public when it is looked up and private a moment later leads nowhere.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import httpx

from infra.settings import Settings
from producers.apod.web import AddressRefused, Web, WebPolicy

Resolve = Callable[[str], list[str]]

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out to the internet. Beside it lie, among others, several ways to write
an address of IPv4 within IPv6, private ones as well (RFC 4291, 6052, 8215)."""


class PublicTransport(httpx.BaseTransport):
    """Connects to public addresses alone, looking each host up once; requests have no body."""

    def __init__(
        self,
        resolve: Resolve | None = None,
        is_allowed: Callable[[str], bool] | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._resolve = resolve or resolved
        self._is_allowed = is_allowed or is_public
        # A connection is of one name: the next one may lie at the same address.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.HTTPTransport(verify=verify, limits=limits)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        addresses = self._resolve(host)
        if not all(map(self._is_allowed, addresses)):
            raise AddressRefused(f"{host} is not a public address")
        for address in addresses[:-1]:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return self._inner.handle_request(_directed(request, address))
        return self._inner.handle_request(_directed(request, addresses[-1]))

    def close(self) -> None:
        self._inner.close()


def public_web(settings: Settings) -> Web:
    """A client of any public host by https, with the limits of APOD's downloads."""
    policy = WebPolicy(
        origins=None,
        download_seconds=settings.apod_download_seconds,
        download_bytes=settings.max_picture_bytes,
    )
    return Web(policy, transport=PublicTransport())


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, whichever way it is written."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None and (found not in _UNICAST or found.teredo):
            return False
        found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


def _directed(request: httpx.Request, address: str) -> httpx.Request:
    """To this address; its Host header and its certificate stay those of the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def resolved(host: str) -> list[str]:
    """Every address of a host.

    Raises:
        httpx.ConnectError: the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"the name is not known: {error}") from error
    return list(dict.fromkeys(str(place[4][0]) for place in found))
