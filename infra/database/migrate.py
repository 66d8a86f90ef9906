"""Brings a database's tables to this version's form."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from infra.database.engine import Database, TablesMissing


def upgrade(database: Database) -> str:
    """Apply what is missing, all of it or nothing, and answer the revision reached.

    Raises:
        DatabaseUnavailable: the database is away; nothing was changed.
    """
    with database.transaction() as session:
        config = _config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
    return _script().get_current_head() or ""


def revision(database: Database) -> str | None:
    """The revision that the database is at; None where it has no tables yet."""
    with database.reading() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def require_tables(database: Database) -> None:
    """Make sure that the database can be asked.

    Raises:
        TablesMissing: it was never upgraded.
        DatabaseUnavailable: it is away.
    """
    if revision(database) is None:
        raise TablesMissing(database.engine)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "infra.database:migrations")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
