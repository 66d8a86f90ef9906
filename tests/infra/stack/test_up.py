"""`doublet up`: everything starts, survives the death of a part, stops in time, and goes on."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.ports import free_ports
from tests.fixtures.stacks import STOP_SECONDS, RunningStack


def books(stack: RunningStack) -> dict[str, Any]:
    answer = stack.run("books", "--json")
    assert answer.returncode == 0, answer.stderr
    total: dict[str, Any] = json.loads(answer.stdout)["total"]
    return total


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_starts_doubles_survives_stops_and_goes_on(stack: RunningStack) -> None:
    said = stack.start()
    for part in ("broker", "model server", "consumer", "scheduler", "dashboard"):
        assert f"{part}: ready" in said
    assert stack.address in said
    assert books(stack)["done"] == 1
    status = stack.run("status")
    assert status.returncode == 0, status.stdout

    consumer = stack.pid_of("consumers")
    assert consumer is not None
    os.kill(consumer, signal.SIGKILL)
    stack.wait_until(lambda: "the consumer was killed by SIGKILL" in stack.said())
    stack.wait_until(lambda: stack.pid_of("consumers") not in (None, consumer))

    assert stack.stop() < STOP_SECONDS
    assert stack.pid_of("consumers") is None

    said = stack.start()
    assert "topics are there" in said
    total = books(stack)
    assert (total["accepted"], total["done"], total["duplicate"]) == (1, 1, 0)
    assert stack.stop() < STOP_SECONDS


@pytest.mark.parametrize("setting", ["BROKER_PORT", "MODEL_SERVER_PORT", "DASHBOARD_PORT"])
def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = up(tmp_path, **{setting: str(port)})
    assert answer.returncode == 1
    assert f"port {port}" in answer.stderr
    assert setting in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "value"), [("TILE_SIDE", "huge"), ("BROKER_PORT", "70000")])
def test_a_setting_that_is_not_usable_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    answer = up(tmp_path, **{name: value})
    assert answer.returncode == 1
    assert name in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_model_that_is_not_shipped_is_one_line(tmp_path: Path) -> None:
    answer = up(tmp_path, MODEL_NAME="triplet")
    assert answer.returncode == 1
    assert "triplet" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_second_one_in_the_same_folder_is_refused(stack: RunningStack, tmp_path: Path) -> None:
    holder = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
    holder += "f.write('4711'); f.flush(); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holder, str(tmp_path / "stack.lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        answer = up(tmp_path)
    assert answer.returncode == 1
    assert "4711" in answer.stderr
    assert answer.stderr.count("\n") == 1


def up(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    names = ("BROKER_PORT", "MODEL_SERVER_PORT", "MODEL_SERVER_REST_PORT", "DASHBOARD_PORT")
    ports = dict(zip(names, map(str, free_ports(4)), strict=True))
    environment = os.environ | {"DOUBLET_HOME": str(folder)} | ports | settings
    command = [sys.executable, "-m", "doublet", "up"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
