"""One line a fact, on standard error: for a person, or as JSON for a machine."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from infra.tracing import trace_id, traceparent

Form = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_facts: ContextVar[dict[str, str | int]] = ContextVar("facts")


def configure(level: str, form: Form = "text") -> None:
    """Log at ``level`` for our own rooms, warnings only for the libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for room in ("consumers", "dashboard", "infra", "producers", "serving"):
        logging.getLogger(room).setLevel(level)
    if form == "json":
        adopt_libraries()
        logging.captureWarnings(True)


def adopt_libraries() -> None:
    """Take their own handlers from libraries, which would write other lines between ours."""
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True


@contextmanager
def about(**facts: str | int | None) -> Iterator[None]:
    """Have all lines written inside, by this thread, say what they are about."""
    known = {name: value for name, value in facts.items() if value is not None}
    token = _facts.set({**_facts.get({}), **known})
    try:
        yield
    finally:
        _facts.reset(token)


def note(**facts: str | int) -> None:
    """Say more of what the lines at hand are about."""
    _facts.get({}).update(facts)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger and message, and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        current = trace_id(traceparent())
        line |= {"trace_id": current} if current else {}
        line |= _facts.get({})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
