"""A request to stop, seen by work in progress at the places where it can break off."""

import threading
from weakref import WeakSet


class HandedBack(Exception):
    """Work was broken off because the consumer stops; its record will be delivered again."""


class Halt:
    """Set once, by a signal or the loop; looked at from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._parts = WeakSet[Halt]()

    def request(self) -> None:
        """Ask everything to stop."""
        self._event.set()
        for part in list(self._parts):
            part.request()

    def part(self) -> "Halt":
        """For one piece of work, which can be stopped alone and stops with the whole."""
        part = Halt()
        self._parts.add(part)
        if self.requested:
            part.request()
        return part

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Go on, or raise HandedBack."""
        if self.requested:
            raise HandedBack

    def rest(self, seconds: float) -> None:
        """Wait, or raise HandedBack as soon as stopping is asked for."""
        if self._event.wait(seconds):
            raise HandedBack
