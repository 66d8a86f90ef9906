"""One supervised process: started, watched, restarted with back-off, stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""From Linux' <sys/prctl.h>: a signal for us when our parent dies."""


@dataclass(frozen=True)
class RestartPolicy:
    """How long a process that died rests before it is started again."""

    first_s: float = 0.5
    longest_s: float = 30.0
    steady_s: float = 60.0
    """A process that lived for so long starts to count anew."""

    def rest_s(self, deaths: int) -> float:
        """After so many deaths in a row, counted from 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(deaths - 1, 20))


@dataclass(frozen=True)
class Death:
    """A process that ended by itself."""

    exit_code: int
    """Negative: the number of the signal that ended it."""
    last_line: str
    """Of its log."""
    rest_s: float
    """Until it is started again."""

    def __str__(self) -> str:
        how = (
            f"was killed by {signal.Signals(-self.exit_code).name}"
            if self.exit_code < 0
            else f"ended with exit code {self.exit_code}"
        )
        said = f" ({self.last_line})" if self.last_line else ""
        return f"{how}{said}; next start in {self.rest_s:.1f} s"


class Process:
    """A command that should be running."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        policy: RestartPolicy = RestartPolicy(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._command = command
        self._log_file = log_file
        self._environment = {**os.environ, **(environment or {})}
        self._policy = policy
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._deaths = 0
        self._next_start: float | None = None

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Of a process that ended and was not noticed yet by `tend`."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; its output is appended to the log file."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                # Ctrl-C reaches the supervisor alone, which stops the parts in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._started_at = self._clock()
        self._next_start = None

    def tend(self) -> Death | None:
        """Notice a death, or start again what has rested; call this a few times a second."""
        if self._next_start is not None:
            if self._clock() >= self._next_start:
                self.start()
            return None
        code = self.exit_code
        if code is None:
            return None
        self._process = None
        lived = self._clock() - self._started_at
        self._deaths = 1 if lived >= self._policy.steady_s else self._deaths + 1
        rest = self._policy.rest_s(self._deaths)
        self._next_start = self._clock() + rest
        return Death(code, self.last_line(), rest)

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self._next_start = None
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> bool:
        """Wait until it ended, by our clock; kill it and answer False if it did not."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - self._clock()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        else:
            return True
        finally:
            self._process = None

    def last_line(self) -> str:
        """The last line of its log that says something."""
        if not self._log_file.exists():
            return ""
        with self._log_file.open("rb") as log:
            log.seek(max(0, self._log_file.stat().st_size - 4096))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
