"""A snapshot of the database into one file, and a database from it."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from infra.database.engine import Database
from infra.database.migrate import revision
from infra.errors import DoubletError

SQLITE_FILE = "database.sqlite"
POSTGRES_FILE = "database.dump"


class CannotBackUp(DoubletError):
    """A copy cannot be made, or is not there to go back to."""


def snapshot(url: str, folder: Path) -> Path:
    """Copy a database as it is at one moment, while others write; answers the file.

    Raises:
        CannotBackUp: there is no database, or its own tool fails.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return copy_sqlite(Path(parsed.database or ""), folder / SQLITE_FILE)
    file = folder / POSTGRES_FILE
    _postgres("pg_dump", parsed, f"--file={file}", "--format=custom", "--no-owner")
    return file


def bring_back(url: str, folder: Path) -> None:
    """Fill an empty database from its snapshot.

    Raises:
        CannotBackUp: there is no snapshot of its kind, the database is not empty, or its own tool
            fails.
    """
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    file = folder / (SQLITE_FILE if sqlite else POSTGRES_FILE)
    if not file.exists():
        raise CannotBackUp(f"{folder} holds no {file.name}: DATABASE_URL is of the other kind?")
    if sqlite:
        target = Path(parsed.database or "")
        if target.exists():
            raise CannotBackUp(f"{target} exists: restore into an empty place")
        copy_sqlite(file, target)
        return
    with closing(Database(url)) as database:
        if revision(database) is not None:
            raise CannotBackUp("the database has tables: restore into an empty one")
    _postgres("pg_restore", parsed, "--exit-on-error", "--no-owner", str(file))


def copy_sqlite(source: Path, target: Path) -> Path:
    """Copy a SQLite file with what its write-ahead log holds, as it is at one moment.

    Raises:
        CannotBackUp: there is no such file, or it cannot be copied.
    """
    if not source.exists():
        raise CannotBackUp(f"there is no database {source}")
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(target.name + ".part")
    half.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(half)) as copy:
            ours.backup(copy)
    except sqlite3.Error as error:
        raise CannotBackUp(f"cannot copy {source}: {error}") from error
    return half.replace(target)


def _postgres(tool: str, url: URL, *options: str) -> None:
    """Run PostgreSQL's own tool; the password goes where no list of processes shows it."""
    path = shutil.which(tool)
    if path is None:
        raise CannotBackUp(f"{tool} is not installed (Debian: apt install postgresql-client)")
    open_url = url.set(drivername="postgresql", password=None).render_as_string()
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    done = subprocess.run(
        [path, f"--dbname={open_url}", *options],
        env=os.environ | password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CannotBackUp(f"{tool} failed: {said[0] if said else 'it does not say why'}")
