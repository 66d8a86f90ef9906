"""A supervised process: noticed when it dies, started again with back-off, stopped for good."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.stack.process import Death, Process, RestartPolicy

SOON = 20.0  # seconds; a Python that starts on a busy machine


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def died(process: Process) -> Death:
    """Wait for the process to end, and notice it."""
    wait_until(lambda: process.exit_code is not None)
    death = process.tend()
    assert death is not None
    return death


def test_a_death_is_told_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    process = Process("part", python("print('port in use'); raise SystemExit(3)"), tmp_path / "log")
    process.start()
    death = died(process)
    assert (death.exit_code, death.last_line) == (3, "port in use")
    assert str(death) == "ended with exit code 3 (port in use); next start in 0.5 s"


def test_a_death_by_signal_is_told_by_its_name(tmp_path: Path) -> None:
    process = Process("part", python("import time; time.sleep(60)"), tmp_path / "log")
    process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert "was killed by SIGKILL" in str(died(process))


def test_it_is_started_again_after_its_rest_and_rests_longer_each_time(tmp_path: Path) -> None:
    clock = Clock()
    policy = RestartPolicy(first_s=1, longest_s=3, steady_s=60)
    process = Process("part", python("raise SystemExit(1)"), tmp_path / "log", {}, policy, clock)
    process.start()
    rests = []
    for _ in range(4):
        rests.append(died(process).rest_s)
        clock.now += rests[-1] - 0.01
        assert process.tend() is None
        assert process.pid is None
        clock.now += 0.02
        assert process.tend() is None
        assert process.pid is not None
    assert rests == [1, 2, 3, 3]
    process.wait_stopped(clock.now + SOON)


def test_one_that_was_steady_starts_to_count_anew(tmp_path: Path) -> None:
    clock = Clock()
    process = Process("part", python(""), tmp_path / "log", clock=clock)
    process.start()
    first = died(process).rest_s
    clock.now += first
    process.tend()
    clock.now += RestartPolicy().steady_s
    assert died(process).rest_s == first


def test_stopping_waits_for_its_end(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('tidied up') or 0)); "
        "print('ready', flush=True); time.sleep(60)"
    )
    process = Process("part", python(script), tmp_path / "log")
    process.start()
    wait_until(lambda: process.last_line() == "ready")
    process.ask_to_stop()
    assert process.wait_stopped(time.monotonic() + SOON)
    assert process.last_line() == "tidied up"
    assert process.tend() is None
    assert process.pid is None


def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    process = Process("part", python(script), tmp_path / "log")
    process.start()
    wait_until(lambda: process.last_line() == "ready")
    process.ask_to_stop()
    assert not process.wait_stopped(time.monotonic() + 0.1)


def test_one_that_rests_is_not_started_again_once_it_shall_stop(tmp_path: Path) -> None:
    clock = Clock()
    process = Process("part", python(""), tmp_path / "log", clock=clock)
    process.start()
    died(process)
    process.ask_to_stop()
    clock.now += 60
    assert process.tend() is None
    assert process.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_parts_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = (
        "import time; from pathlib import Path; from infra.stack.process import Process; "
        f"part = Process('part', {python('import time; time.sleep(60)')!r}, Path({str(log)!r})); "
        "part.start(); print(part.pid, flush=True); time.sleep(60)"
    )
    supervisor = subprocess.Popen(python(script), stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    part = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    wait_until(lambda: not _alive(part))


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
