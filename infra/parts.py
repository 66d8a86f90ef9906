"""What the running parts say of themselves, kept in the database for the operator."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from sqlalchemy import delete

from infra.clock import Clock, utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Part, PartState
from infra.faults import note_fault

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
"""How soon a change of its condition is told."""
_LAST_BEAT_SECONDS = 1.0
"""How long a beat under way may take when the part stops."""
BEAT_SECONDS = 5.0
"""How often a part says that it is there."""
FOLDER_WATCH = "folder watch"
"""The part that hands in what is put into WATCH_FOLDER."""
PASSING = "consumer "
"""What the names of consumers begin with that have none of their own; their host's follows."""
MISSED = timedelta(days=1)
"""How long one of these is missed that ended without a word: its host may never come back."""
SILENT_SECONDS = 4 * BEAT_SECONDS
"""A part that was not seen for so long is taken for gone: it missed three beats and a spare."""


@dataclass(frozen=True)
class Condition:
    """How a part is at one moment; replaced as a whole, so threads read it without a lock."""

    state: PartState
    detail: str = ""


class Heartbeat:
    """Writes one part's row, on its own account or its supervisor's.

    A part that cannot say that it is there looks like one that is not: where the database is
    away, that is what is to be seen, and nothing is raised.
    """

    def __init__(self, database: Database, name: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._name = name
        self._clock = clock

    def beat(self, state: PartState, detail: str = "") -> None:
        """Say that the part is there, and how it is."""
        self._write(state, detail, os.getpid())

    @contextmanager
    def beating(self, condition: Callable[[], Condition]) -> Iterator[None]:
        """Beat from a thread of its own, so that a slow database keeps nothing else waiting."""
        stop = threading.Event()
        thread = threading.Thread(
            target=self._keep_beating, args=(condition, stop), name="heartbeat", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_LAST_BEAT_SECONDS)

    def died(self, detail: str) -> None:
        """Say, as the part's supervisor, that its process ended and is started again."""
        self._write(PartState.RESTARTING, detail, None, deaths=1)

    def back(self, pid: int | None) -> None:
        """Say, as the supervisor of a part without a heartbeat, that it answers again."""
        self._write(PartState.RUNNING, "", pid)

    def stopped(self) -> None:
        """Say, as the part's supervisor, that it was stopped on purpose."""
        self._write(PartState.STOPPED, "", None)

    def forget(self) -> None:
        """Say that there is no such part any more, and that nobody misses it."""
        try:
            with self._database.transaction() as session:
                session.execute(delete(Part).where(Part.name == self._name))
        except DatabaseUnavailable as error:
            log.debug("%s: not forgotten: %s", self._name, error)

    def _keep_beating(self, condition: Callable[[], Condition], stop: threading.Event) -> None:
        told, told_at = None, 0.0
        while not stop.wait(_LOOK_SECONDS):
            now = condition()
            if now != told or time.monotonic() - told_at >= BEAT_SECONDS:
                self.beat(now.state, now.detail)
                told, told_at = now, time.monotonic()

    def _write(self, state: PartState, detail: str, pid: int | None, deaths: int = 0) -> None:
        now = self._clock()
        try:
            with self._database.transaction() as session:
                part = session.get(Part, self._name)
                if part is None:
                    part = _new(self._name, now)
                    session.add(part)
                changed = (part.state, part.detail) != (state, detail)
                silent = (now - part.seen_at).total_seconds() > SILENT_SECONDS
                if changed or silent:
                    note_fault(session, part, state, detail, now, silent=silent)
                if changed:
                    part.state, part.detail, part.changed_at = state, detail, now
                part.pid = pid
                part.restarts += deaths
                part.version = version("doublet")
                part.seen_at = now
        except DatabaseUnavailable as error:
            log.debug("%s: no heartbeat: %s", self._name, error)


def _new(name: str, now: datetime) -> Part:
    return Part(
        name=name,
        state=PartState.STARTING,
        detail="",
        version="",
        restarts=0,
        changed_at=now,
        seen_at=now,
    )
