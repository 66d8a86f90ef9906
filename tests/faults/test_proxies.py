"""The proxy breaks what it is told to break: the drills would prove nothing otherwise."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fixtures.proxies import HOST, Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Before a server that sends back what it gets."""

    def echo(connection: socket.socket) -> None:
        with connection:
            while said := connection.recv(100):
                connection.sendall(said)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        with closing(Proxy(server.getsockname()[1])) as proxy:
            yield proxy
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=30) as client:
        assert ask(client) == b"hello"
        yield client


def ask(client: socket.socket) -> bytes:
    client.sendall(b"hello")
    return client.recv(100)


def test_a_cut_ends_connections_and_new_ones_pass(proxy: Proxy, client: socket.socket) -> None:
    proxy.cut()
    assert client.recv(100) == b""
    with socket.create_connection((HOST, proxy.port), timeout=30) as another:
        assert ask(another) == b"hello"


def test_what_stalls_goes_on_when_it_is_healed(proxy: Proxy, client: socket.socket) -> None:
    proxy.stall()
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        ask(client)
    proxy.heal()
    client.settimeout(30)
    assert client.recv(100) == b"hello"


def test_slow_takes_as_long_as_it_says_in_each_direction(
    proxy: Proxy, client: socket.socket
) -> None:
    proxy.slow(0.2)
    began = time.monotonic()
    assert ask(client) == b"hello"
    assert time.monotonic() - began >= 0.4


def test_a_refusal_lasts_until_it_is_healed(proxy: Proxy, client: socket.socket) -> None:
    proxy.refuse()
    assert client.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port), timeout=30)
    proxy.heal()
    with socket.create_connection((HOST, proxy.port), timeout=30) as another:
        assert ask(another) == b"hello"
