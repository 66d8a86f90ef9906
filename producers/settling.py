"""Files that may still be written to: each is held back until it is finished."""

import errno
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from producers.watched_files import Version

_PARTIAL = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")
"""What browsers and editors call a file that is not finished; it gets its name when it is."""


class Settling:
    """The files that changed lately; may be told of changes by any thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        """A file that did not change for so long is finished, unless somebody has it open."""
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[Version | None, float]] = {}

    def touch(self, path: Path) -> None:
        """Somebody says that a file is new, or another one than before."""
        if path.name.startswith(".") or path.name.endswith(_PARTIAL):
            return
        with self._lock:
            self._seen.setdefault(path, (None, self._clock()))

    def finished(self) -> list[tuple[Path, Version]]:
        """The files that can be read now; they are answered until they are `dealt_with`."""
        with self._lock:
            waiting = list(self._seen)
        looked_at = ((path, self._look(path)) for path in waiting)
        return [(path, version) for path, version in looked_at if version is not None]

    def dealt_with(self, path: Path, version: Version) -> None:
        """Forget a file, unless it has changed since it was finished."""
        with self._lock:
            if self._seen.get(path, (None, 0.0))[0] == version:
                del self._seen[path]

    def _look(self, path: Path) -> Version | None:
        version, now = Version.of(path), self._clock()
        with self._lock:
            before, since = self._seen.get(path, (None, now))
            if version is None:
                self._seen.pop(path, None)  # it is gone, or no file
            elif version != before:
                self._seen[path] = version, now
            elif now - since >= self._seconds and not open_for_writing(path):
                return version
        return None


def open_for_writing(path: Path) -> bool:
    """Whether any process has the file open for writing, where the system can tell.

    Linux grants a lease for reading only on files that nobody writes to (fcntl(2)). Of other
    people's files and of network drives it says nothing, nor do other systems: there, that the
    file has stood still must do.
    """
    if sys.platform != "linux":
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Whoever opens it in this instant waits, and we are signalled: by one that is ignored.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(file)
    return False
