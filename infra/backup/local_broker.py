"""The local stack's broker by itself, for as long as something is asked of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.backup.databases import CannotBackUp
from infra.settings import Settings
from infra.stack import parts
from infra.stack.process import Process

_LOOK_SECONDS = 0.1
_STOP_SECONDS = 10.0


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """Start it and stop it again; nothing where Kafka is somebody else's.

    Raises:
        CannotBackUp: it does not start.
    """
    part = parts.broker(settings)
    if part is None:
        yield
        return
    log = settings.doublet_home / "log" / "broker.log"
    process = Process(part.name, part.command, log, part.environment)
    process.start()
    try:
        deadline = time.monotonic() + part.ready_within_s
        while not part.ready():
            if process.exit_code is not None or time.monotonic() > deadline:
                raise CannotBackUp(f"the broker does not start: {process.last_line()}")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        process.ask_to_stop()
        process.wait_stopped(time.monotonic() + _STOP_SECONDS)
