"""The log's lines: for a person or for a machine, with what they are about."""

import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import logs
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.settings import Settings
from tests.fixtures.collectors import Spans
from tests.fixtures.ports import free_ports

SOON = 120.0
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def written() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What a logger of ours writes as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    logger = logging.getLogger("infra.somewhere")
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


log = logging.getLogger("infra.somewhere")


def test_a_line_says_what_it_is_about(written: Callable[[], list[dict[str, Any]]]) -> None:
    with logs.about(record="uploads[0]@7", trace_id=None):
        log.warning("one\nline of %s", "M 51 \N{GREEK SMALL LETTER ALPHA}")
        logs.note(image_id=3)
        with logs.about(event_id="upload:ab"):
            log.warning("more")
        log.warning("less")
    log.warning("nothing")
    first, more, less, nothing = written()
    assert first["message"] == "one\nline of M 51 \N{GREEK SMALL LETTER ALPHA}"
    assert first["record"] == "uploads[0]@7"
    assert first["time"].endswith("+00:00")
    assert "trace_id" not in first
    assert (more["image_id"], more["event_id"]) == (3, "upload:ab")
    assert "event_id" not in less
    assert nothing.keys() == {"time", "level", "logger", "message"}


def test_an_exception_is_one_line(written: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("it broke")
    [line] = written()
    assert line["exception"].endswith("ValueError: no")


def test_a_line_names_the_trace_at_hand(
    written: Callable[[], list[dict[str, Any]]], spans: Spans
) -> None:
    from infra import tracing

    with tracing.span("work"):
        log.warning("within")
    [span] = spans()
    assert [line["trace_id"] for line in written()] == [span.trace]


@pytest.mark.parametrize(
    "module", ["consumers", "producers", "dashboard", "infra.broker.embedded", "doublet"]
)
def test_every_line_of_a_part_is_json(module: str, tmp_path: Path) -> None:
    ports = free_ports(2)
    environment = {
        "DOUBLET_HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports[0]}",
        "MODEL_SERVER": f"127.0.0.1:{ports[0]}",
        "DASHBOARD_PORT": str(ports[1]),
        "APOD_V2_URL": "http://127.0.0.1:9/apod-basic",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
    }
    more = {
        "infra.broker.embedded": ["--data", str(tmp_path / "data"), "--port", str(ports[1])],
        "doublet": ["watch", str(tmp_path)],
    }
    database = Database(Settings(_env_file=None, doublet_home=tmp_path).database)
    upgrade(database)
    database.close()
    file = tmp_path / "log"
    with file.open("wb") as output:
        part = subprocess.Popen(
            [sys.executable, "-m", module, *more.get(module, [])],
            stderr=output,
            stdout=output,
            env=os.environ | environment,
        )
    deadline = time.monotonic() + SOON
    try:
        while not file.read_bytes().count(b"\n"):
            assert part.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        part.terminate()
        part.wait(60)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
