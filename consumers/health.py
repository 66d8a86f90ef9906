"""Two answers over HTTP for whoever runs the consumer: does it live, and does it work?

``/livez`` is 503 once the loop has stopped turning: restart it. ``/readyz`` is 503 while it starts
or waits for a part, and says for whom: a restart would not help.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from consumers.status import Status
from infra.database.models import PartState
from infra.errors import BadSetting


@contextmanager
def answering(address: str, status: Status) -> Iterator[None]:
    """Answer at ``host:port`` meanwhile; nowhere if the address is empty.

    Raises:
        BadSetting: nothing can be opened there.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port)), _handler(status))
    except (OSError, ValueError, OverflowError) as error:
        raise BadSetting(f"CONSUMER_HEALTH {address!r} cannot be opened: {error}") from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _lives(status: Status) -> tuple[bool, str]:
    return status.alive, "alive" if status.alive else "the loop has stopped turning"


def _is_ready(status: Status) -> tuple[bool, str]:
    condition = status.condition
    return condition.state is PartState.RUNNING, condition.detail or condition.state.value


_ANSWERS: dict[str, Callable[[Status], tuple[bool, str]]] = {
    "/livez": _lives,
    "/readyz": _is_ready,
}


def _handler(status: Status) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = _ANSWERS.get(self.path)
            if answer is None:
                self._say(HTTPStatus.NOT_FOUND, "there are /livez and /readyz")
                return
            well, says = answer(status)
            self._say(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, says)

        def _say(self, code: HTTPStatus, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(code)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A probe every few seconds is no news."""

    return Handler
