"""The bytes that pictures at hand may take, all together."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from consumers.halt import Halt

_LOOK_S = 0.2
"""How soon somebody who waits for room notices that the consumer stops."""


class Memory:
    """Room for pictures, given out in the order in which it was asked for.

    In order, because a large picture would otherwise wait for ever beside a stream of small ones.
    One that needs more than there is gets its turn alone: it is bounded by MAX_PICTURE_PIXELS.
    """

    def __init__(self, limit: int, halt: Halt) -> None:
        self._limit = limit
        self._halt = halt
        self._changed = threading.Condition()
        self._asking: deque[object] = deque()
        self._held: list[int] = []

    @property
    def held(self) -> int:
        """Bytes given out now."""
        return sum(self._held)

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Have room for so many bytes, as soon as there is.

        Raises:
            HandedBack: the consumer stops.
        """
        self._acquire(size)
        try:
            yield
        finally:
            with self._changed:
                self._held.remove(size)
                self._changed.notify_all()

    def _acquire(self, size: int) -> None:
        turn = object()
        with self._changed:
            self._asking.append(turn)
            try:
                while not self._may_have(turn, size):
                    self._halt.check()
                    self._changed.wait(_LOOK_S)
                self._held.append(size)
            finally:
                self._asking.remove(turn)
                self._changed.notify_all()

    def _may_have(self, turn: object, size: int) -> bool:
        fits = not self._held or self.held + size <= self._limit
        return fits and self._asking[0] is turn
