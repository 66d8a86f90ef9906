"""A watched folder: every picture that is put into it is handed in, once.

A restart sends nothing again and passes nothing over: what was dealt with is in the database. A
crash between handing in and writing that down sends once more what the consumer recognises.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from infra.admission import BadPicture
from infra.database.models import PartState
from infra.errors import DoubletError, Unavailable
from infra.parts import Condition
from infra.settings import Settings
from producers.settling import Settling
from producers.sniffing import Unreadable
from producers.submitting import Submitter, open_submitter
from producers.watched_files import Version, WatchedFiles

_TELLING = ("created", "modified", "moved", "closed")
"""Events after which a file may be another one; that somebody reads one is no news."""


class NoFolder(DoubletError):
    """There is nothing to watch."""


@dataclass(frozen=True)
class WatchPolicy:
    """How often is looked."""

    settled_seconds: float = 2
    """A file that stood still for so long counts as finished, unless somebody has it open."""
    look_seconds: float = 0.25
    """How often the files that are not finished are looked at."""
    scan_seconds: float = 60
    """How often the whole folder is gone through: network drives tell of nothing."""
    retry_seconds: float = 5
    """How soon a part that was away is tried again."""


class Watch(FileSystemEventHandler):
    """One folder and all below it, hidden names and links left out."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        files: WatchedFiles,
        tell: Callable[[str], None],
        policy: WatchPolicy | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._settings = settings
        self._files = files
        self._tell = tell
        self._policy = policy or WatchPolicy()
        self._settling = Settling(self._policy.settled_seconds)
        self._stop = threading.Event()
        self._sent = self._refused = 0
        self._last_refusal = ""
        self._unreadable: set[Path] = set()
        self._away = ""
        self._scan_at = 0.0

    def run(self) -> None:
        """Hand in what is put into the folder, until stopped; what is away is waited for.

        Raises:
            NoFolder: it is not there (any more).
        """
        self._require_folder()
        observer = Observer()
        # Before the first look at the folder, so that nothing comes in between.
        observer.schedule(self, str(self._folder), recursive=True)
        observer.start()
        try:
            while not self._stop.is_set():
                try:
                    self._files.read()
                    with open_submitter(self._settings) as submitter:
                        self._work(submitter)
                except Unavailable as error:
                    if not self._away:
                        self._tell(f"waiting: {error}")
                    self._away = str(error)
                    self._stop.wait(self._policy.retry_seconds)
        finally:
            observer.stop()
            observer.join()

    def stop(self) -> None:
        """End `run` soon; any thread or signal handler may say so."""
        self._stop.set()

    def condition(self) -> Condition:
        """How it is, for the operator."""
        if self._away:
            return Condition(PartState.WAITING, self._away)
        said = f"{self._folder}: {self._sent} handed in, {self._refused} refused"
        last = f", the last: {self._last_refusal}" if self._last_refusal else ""
        return Condition(PartState.RUNNING, said + last)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, on its own thread."""
        if event.event_type in _TELLING and not event.is_directory:
            self._touch(Path(os.fsdecode(event.dest_path or event.src_path)))

    def _work(self, submitter: Submitter) -> None:
        while not self._stop.is_set():
            if time.monotonic() >= self._scan_at:
                self._scan()
                self._scan_at = time.monotonic() + self._policy.scan_seconds
            for path, version in self._settling.finished():
                if self._stop.is_set():
                    return
                self._deal_with(path, version, submitter)
            self._away = ""
            self._stop.wait(self._policy.look_seconds)

    def _deal_with(self, path: Path, version: Version, submitter: Submitter) -> None:
        if not self._files.knows(path, version):
            shown = path.relative_to(self._folder)
            try:
                receipt = submitter.submit(path.name, path)
            except BadPicture as error:
                self._files.note(path, version, refused=str(error))
                self._refuse(shown, error)
            except Unreadable as error:
                # Not noted: it may be allowed later, and every scan tries again. Said once.
                if path not in self._unreadable:
                    self._unreadable.add(path)
                    self._refuse(shown, error)
            else:
                self._files.note(path, version, receipt.event_id)
                self._unreadable.discard(path)
                self._sent += 1
                self._tell(f"{shown}: sent as {receipt.event_id}")
        self._settling.dealt_with(path, version)

    def _refuse(self, shown: Path, error: DoubletError) -> None:
        self._refused += 1
        self._last_refusal = f"{shown}: {error}"
        self._tell(f"{shown}: refused: {error}")

    def _scan(self) -> None:
        self._require_folder()
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                version = Version.of(path)
                if version is not None and not self._files.knows(path, version):
                    self._touch(path)

    def _touch(self, path: Path) -> None:
        inside = path.relative_to(self._folder) if path.is_relative_to(self._folder) else None
        if inside is not None and not any(part.startswith(".") for part in inside.parts):
            self._settling.touch(path)

    def _require_folder(self) -> None:
        if not self._folder.is_dir():
            raise NoFolder(f"there is no folder {self._folder} to watch")
