"""Parts that go away and come back: said once each, however often they are tried."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import Unavailable

log = logging.getLogger(__name__)


class Outages:
    """Remembers which kind of part is away, and which work it was that noticed."""

    def __init__(self) -> None:
        self._noticed_by: dict[type[Unavailable], str] = {}

    @property
    def waiting(self) -> list[str]:
        """The work that waits for a part that is away."""
        return sorted(set(self._noticed_by.values()))

    @contextmanager
    def noticed(self, work: str) -> Iterator[None]:
        """Do a piece of work that will be done again anyway: what is away does not end it."""
        try:
            yield
        except Unavailable as error:
            if type(error) not in self._noticed_by:
                self._noticed_by[type(error)] = work
                log.warning("%s; trying again until it does", error)
        else:
            over = [kind for kind, by in self._noticed_by.items() if by == work]
            for kind in over:
                del self._noticed_by[kind]
            if over:
                log.info("%s works again", work)
