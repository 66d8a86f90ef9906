"""A replay of dead letters that goes on while nobody looks at the page that started it."""

import threading
from collections import Counter
from dataclasses import dataclass

from infra.database.engine import Database
from infra.dead_letters.ledger import Selection
from infra.dead_letters.replay import Fate, Replay, ReplayPolicy, open_replay
from infra.errors import DoubletError
from infra.settings import Settings

BROKE_OFF = "it broke off; the dashboard's log says how"
"""The trouble of a replay that came to no end, neither its own nor one that we have a word for."""

PER_SECOND = 10.0
"""As `doublet dead-letters replay` has it: a mended consumer is not flooded."""


class Busy(DoubletError):
    """A replay is under way already."""


@dataclass(frozen=True)
class Progress:
    """How far a replay has come."""

    total: int
    fates: Counter[Fate]
    running: bool
    trouble: str = ""
    """Why it ended before its end; empty where it did not."""


class Replayer:
    """At most one replay at a time, in a thread of its own."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._replay: Replay | None = None
        self._total = 0
        self._trouble = ""

    def start(self, selection: Selection, total: int) -> None:
        """Begin to replay these letters, of which there are so many.

        Raises:
            Busy: another one is not at its end.
        """
        with self._lock:
            if self.busy:
                raise Busy("a replay is under way: wait for its end")
            self._total, self._replay, self._trouble = total, None, BROKE_OFF
            # A daemon: the next replay finishes what a dashboard that ends leaves half done.
            self._thread = threading.Thread(
                target=self._run, args=(selection,), name="replay", daemon=True
            )
            self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a replay is under way."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def progress(self) -> Progress | None:
        """Of the last replay; None where there was none."""
        thread, replay = self._thread, self._replay
        if thread is None:
            return None
        running = thread.is_alive()  # asked first: what it says of the fates is then their end
        fates = replay.fates if replay else Counter[Fate]()
        return Progress(self._total, fates, running, "" if running else self._trouble)

    def forget(self) -> None:
        """The result was read."""
        with self._lock:
            if self._thread and not self._thread.is_alive():
                self._thread = None

    def _run(self, selection: Selection) -> None:
        policy = ReplayPolicy(PER_SECOND)
        try:
            with open_replay(self._settings, self._database, policy) as self._replay:
                self._replay.run(selection)
            self._trouble = ""
        except DoubletError as error:
            self._trouble = str(error)
