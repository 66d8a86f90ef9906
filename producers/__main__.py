"""The scheduler as a process: ``python -m producers``, until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
import time
from types import FrameType

from infra import logs, tracing
from infra.errors import DoubletError, Unavailable
from infra.health import Health, answering
from infra.settings import settings
from producers.metrics import SCHEDULER
from producers.scheduler import Scheduler

log = logging.getLogger("producers")

_RETRY_SECONDS = 2.0
"""How soon a database that is away at the start is tried again."""


def main() -> int:
    """Run until told to stop; 0 after that, 1 where a setting makes running impossible."""
    # Kafka's and APScheduler's lines repeat every few seconds what ours say once; of the latter,
    # errors are our own bugs.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        current = settings()
        logs.configure(current.log_level, current.log_format)
        tracing.start(current, "scheduler")
        scheduler = Scheduler(current)
        health = Health(scheduler.lives, scheduler.is_ready, SCHEDULER)
        with answering("SCHEDULER_HEALTH", current.scheduler_health, health):
            try:
                _start(scheduler)
                while True:
                    time.sleep(_RETRY_SECONDS)
            finally:
                scheduler.stop()
    except DoubletError as error:
        sys.stderr.write(f"doublet: {error}\n")
        return 1
    except _Stopped:
        log.info("stopped")
        return 0


class _Stopped(BaseException):
    """Somebody wants this process to end: no error, and nothing that a handler should catch."""


def _start(scheduler: Scheduler) -> None:
    said = False
    while True:
        try:
            return scheduler.start()
        except Unavailable as error:
            if not said:
                log.warning("%s; trying again", error)
            said = True
        time.sleep(_RETRY_SECONDS)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise _Stopped


if __name__ == "__main__":
    code = main()
    tracing.stop()
    logging.shutdown()
    # A download or a send under way may hold its thread for a minute. It is safe to cut off: the
    # day's claim runs out, and the day is asked for again.
    os._exit(code)
