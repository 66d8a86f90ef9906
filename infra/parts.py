"""What the running parts say of themselves, kept in the database for the operator."""

import logging
import os
from importlib.metadata import version

from sqlalchemy.orm import Session

from infra.clock import Clock, utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Part, PartState

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""How often a part says that it is there."""
SILENT_SECONDS = 4 * BEAT_SECONDS
"""A part that was not seen for so long is taken for gone: it missed three beats and a spare."""


class Heartbeat:
    """Writes one part's row, on its own account or its supervisor's."""

    def __init__(self, database: Database, name: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._name = name
        self._clock = clock

    def beat(self, state: PartState, detail: str = "") -> None:
        """Say that the part is there, and how it is.

        Raises:
            DatabaseUnavailable: nobody can be told now.
        """
        with self._database.transaction() as session:
            self._write(session, state, detail).pid = os.getpid()

    def try_beat(self, state: PartState, detail: str = "") -> None:
        """Beat where the database can be reached; a missed beat is what its absence looks like."""
        try:
            self.beat(state, detail)
        except DatabaseUnavailable as error:
            log.debug("%s: no heartbeat: %s", self._name, error)

    def died(self, detail: str) -> None:
        """Say, as the part's supervisor, that its process ended and is started again.

        Raises:
            DatabaseUnavailable: nobody can be told now.
        """
        with self._database.transaction() as session:
            part = self._write(session, PartState.RESTARTING, detail)
            part.pid = None
            part.restarts += 1

    def _write(self, session: Session, state: PartState, detail: str) -> Part:
        now = self._clock()
        part = session.get(Part, self._name)
        if part is None:
            part = Part(name=self._name, state=state, detail=detail, changed_at=now, restarts=0)
            session.add(part)
        elif (part.state, part.detail) != (state, detail):
            part.state, part.detail, part.changed_at = state, detail, now
        part.version = version("doublet")
        part.seen_at = now
        return part
