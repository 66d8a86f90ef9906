"""The files of watched folders that were dealt with, kept over restarts."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from infra.clock import Clock, utc_now
from infra.database.doors import LONGEST_PATH, WatchedFile
from infra.database.engine import Database


@dataclass(frozen=True)
class Version:
    """What a file was when it was looked at: with another size or time it is another one."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "Version | None":
        """None where there is no file (any more); a link is none."""
        try:
            if path.is_symlink() or not path.is_file():
                return None
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


class WatchedFiles:
    """The table of them. Every method raises DatabaseUnavailable where it cannot be reached."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, Version] = {}

    def read(self) -> None:
        """Learn what was dealt with before this process began."""
        columns = (WatchedFile.path, WatchedFile.size, WatchedFile.modified_ns)
        with self._database.reading() as session:
            rows = session.execute(select(*columns))
            self._known = {path: Version(size, modified) for path, size, modified in rows}

    def knows(self, path: Path, version: Version) -> bool:
        """Whether this version of the file was dealt with."""
        return self._known.get(_key(path)) == version

    def note(
        self, path: Path, version: Version, event_id: str | None = None, refused: str | None = None
    ) -> None:
        """Write down that a file was handed in, or why it was not."""
        row = WatchedFile(
            path=_key(path),
            size=version.size,
            modified_ns=version.modified_ns,
            event_id=event_id,
            refused=refused,
            dealt_at=self._clock(),
        )
        with self._database.transaction() as session:
            session.merge(row)
        self._known[_key(path)] = version


def _key(path: Path) -> str:
    # A name may be any bytes; of a path that is too long, the end tells files apart.
    return os.fsencode(path).decode("utf-8", "backslashreplace")[-LONGEST_PATH:]
