"""What a broker on this machine must have to itself: its data folder and its port."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from infra.errors import DoubletError

HOST = "127.0.0.1"
"""Where both forms listen, and nowhere else: they have no access control."""


class BrokerCannotStart(DoubletError):
    """Something that the broker needs is missing or taken."""


def claim_folder(data: Path) -> int:
    """Begin or open the data folder; returns a file descriptor that locks it while it is open.

    The lock goes with the process, even by `kill -9`.

    Raises:
        BrokerCannotStart: another broker has it, or it cannot be written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BrokerCannotStart(f"cannot write to {data}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise BrokerCannotStart(
            f"{data} is in use by another broker: stop that one, or choose another --data"
        ) from error
    return lock


def require_free_port(port: int) -> None:
    """Raises BrokerCannotStart when somebody listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BrokerCannotStart(
                f"cannot listen on {HOST}:{port} ({error.strerror}):"
                " stop what uses it, or choose another --port"
            ) from error
