"""A part's answers over HTTP: does it live, does it work, and what did it measure?

``/livez`` is 503 once the part has hung: restart it. ``/readyz`` is 503 while it starts or waits
for another part, and says for whom: a restart would not help. ``/metrics`` is Prometheus'.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra import metrics
from infra.errors import BadSetting
from infra.metrics import Metrics

_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What a part says of itself."""

    well: bool
    says: str


@dataclass(frozen=True)
class Health:
    """What a part can be asked; each question is answered from memory, at once."""

    lives: Callable[[], Answer]
    is_ready: Callable[[], Answer]
    measured: Metrics


@contextmanager
def answering(setting: str, address: str, health: Health) -> Iterator[None]:
    """Answer at ``host:port`` meanwhile; nowhere if the address is empty.

    Raises:
        BadSetting: nothing can be opened there; ``setting`` is the variable that says so.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port)), _handler(health))
    except (OSError, ValueError, OverflowError) as error:
        raise BadSetting(f"{setting} {address!r} cannot be opened: {error}") from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    checks: Mapping[str, Callable[[], Answer]] = {
        "/livez": health.lives,
        "/readyz": health.is_ready,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == metrics.PATH:
                self._say(HTTPStatus.OK, health.measured.page(), metrics.CONTENT_TYPE)
            elif self.path in checks:
                answer = checks[self.path]()
                code = HTTPStatus.OK if answer.well else HTTPStatus.SERVICE_UNAVAILABLE
                self._say(code, f"{answer.says}\n".encode())
            else:
                there = ", ".join(checks)
                self._say(HTTPStatus.NOT_FOUND, f"there are {there} and {metrics.PATH}\n".encode())

        def _say(self, code: HTTPStatus, body: bytes, content_type: str = _TEXT) -> None:
            self.send_response(code)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A probe every few seconds is no news."""

    return Handler
