"""How the database is reached: SQLite by default, PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from infra.errors import DoubletError, Unavailable

BUSY_SECONDS = 30
"""How long a writer waits for a lock of another one before the database counts as away."""

CONNECT_SECONDS = 5
"""How long a server may take to accept a connection before it counts as away."""

_UNDEFINED_TABLE = "42P01"
"""PostgreSQL's code for it (PostgreSQL manual, appendix A)."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, is locked, or its disk is full."""

    part = "the database"


class TablesMissing(DatabaseUnavailable):
    """The database is there, and our tables are not."""

    def __init__(self, engine: Engine) -> None:
        """Most often, a command was called in another folder than the stack: so it says where."""
        where = engine.url.render_as_string(hide_password=True)
        super().__init__(
            f"the database {where} has no tables yet: start everything with `make up`, run "
            "`doublet db upgrade`, or name the right one (DOUBLET_HOME or DATABASE_URL)"
        )


class BadDatabaseUrl(DoubletError):
    """DATABASE_URL is not one that SQLAlchemy understands."""


class Database:
    """A pool of connections and a factory of sessions."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
        except (ArgumentError, NoSuchModuleError) as error:
            raise BadDatabaseUrl(f"DATABASE_URL is not usable: {error}") from error
        except ValueError:  # it quotes what stands in the port's place: often half a password
            raise BadDatabaseUrl(
                "DATABASE_URL is not usable: its port is not a number; write `@`, `:` and `/` in a "
                "password as %40, %3A and %2F"
            ) from None
        self._writers = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(
            self.engine.execution_options(read_only=True), expire_on_commit=False
        )

    def transaction(self) -> AbstractContextManager[Session]:
        """A session whose work is committed at the end, or undone as a whole.

        Raises:
            DatabaseUnavailable: the database is away; nothing was written.
        """
        return _translating(self._writers)

    def reading(self) -> AbstractContextManager[Session]:
        """A session that only reads, from one snapshot, and never waits for a writer.

        Raises:
            DatabaseUnavailable: the database is away.
        """
        return _translating(self._readers)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def _translating(sessions: sessionmaker[Session]) -> Iterator[Session]:
    try:
        with sessions.begin() as session:
            yield session
    except (OperationalError, InterfaceError, ProgrammingError) as error:
        if _names_no_table(error):
            raise TablesMissing(sessions.kw["bind"]) from error
        if isinstance(error, ProgrammingError):
            raise  # a statement that is wrong is our own fault
        first_line = str(_root(error).orig).partition("\n")[0]
        raise DatabaseUnavailable(f"the database does not answer: {first_line}") from error


def _root(error: DBAPIError) -> DBAPIError:
    """What went wrong first: SQLite ends a transaction on a full disk, and its savepoint with it.

    The savepoint's own end then fails as well, and that is the error that arrives.
    """
    root, before = error, error.__context__
    while before is not None:
        root = before if isinstance(before, OperationalError) else root
        before = before.__context__
    return root


def _names_no_table(error: DBAPIError) -> bool:
    undefined = getattr(error.orig, "sqlstate", None) == _UNDEFINED_TABLE
    return undefined or "no such table" in str(error.orig)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # Connections that a restarted server left behind are noticed before they are used.
        patience = f"-c lock_timeout={1000 * BUSY_SECONDS}"
        return create_engine(
            parsed,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_SECONDS, "options": patience},
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SqliteConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, above
    connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer
    connection.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at BEGIN: one that reads first and writes later would otherwise
    # fail at once when another wrote in between, however long it may wait.
    reads = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
