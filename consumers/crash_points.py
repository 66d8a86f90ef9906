"""Places at which the consumer ends itself as `kill -9` would, for game days; none by default."""

import os
import signal
from typing import Literal

CrashPoint = Literal["mid-picture", "after-blob", "before-commit"]
"""Some tiles are doubled; the result is in the blob store and not in the database; the end is in
the database and told, and its offset is not committed."""

_armed: str = ""


def arm(point: str) -> None:
    """Have this process end at a point, the first time that it comes there; empty: at none."""
    global _armed
    _armed = point


def reached(point: CrashPoint) -> None:
    """The process is there, and ends if it was told to."""
    if point == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
