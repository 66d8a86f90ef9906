"""A request to stop, seen by work in progress at the places where it can break off."""

import threading


class HandedBack(Exception):
    """Work was broken off because the consumer stops; its record will be delivered again."""


class Halt:
    """Set once, by a signal; looked at from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask everything to stop."""
        self._event.set()

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
