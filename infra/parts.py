"""What the running parts say of themselves, kept in the database for the operator."""

import logging
import os
from importlib.metadata import version

from infra.clock import Clock, utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Part, PartState

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""How often a part says that it is there."""
SILENT_SECONDS = 4 * BEAT_SECONDS
"""A part that was not seen for so long is taken for gone: it missed three beats and a spare."""


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

    def died(self, detail: str) -> None:
        """Say, as the part's supervisor, that its process ended and is started again."""
        self._write(PartState.RESTARTING, detail, None, deaths=1)

    def stopped(self) -> None:
        """Say, as the part's supervisor, that it was stopped on purpose."""
        self._write(PartState.STOPPED, "", None)

    def _write(self, state: PartState, detail: str, pid: int | None, deaths: int = 0) -> None:
        now = self._clock()
        try:
            with self._database.transaction() as session:
                part = session.get(Part, self._name)
                if part is None:
                    part = Part(name=self._name, restarts=0)
                    session.add(part)
                if (part.state, part.detail) != (state, detail):
                    part.state, part.detail, part.changed_at = state, detail, now
                part.pid = pid
                part.restarts += deaths
                part.version = version("doublet")
                part.seen_at = now
        except DatabaseUnavailable as error:
            log.debug("%s: no heartbeat: %s", self._name, error)
