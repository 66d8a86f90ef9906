"""The database, the blob store and Kafka, opened once for all pages, viewers and addresses."""

from functools import cache

from dashboard.pyramids import Pyramids
from dashboard.replaying import Replayer
from infra.admission import Limits
from infra.blobs import BlobStore, open_blob_store
from infra.database import migrate
from infra.database.engine import Database
from infra.eventlog.clients import KafkaEventLog
from infra.settings import Settings, settings
from producers.resubmitting import Resubmitter
from producers.submitting import Submitter

RESULT_FACTOR = 4
"""A result has four times the pixels of the largest picture that is taken."""


def require_tables() -> None:
    """Make sure that the database can be asked.

    Raises:
        TablesMissing: it was never upgraded.
        DatabaseUnavailable: it is away.
    """
    _require_tables(settings().database)


def database() -> Database:
    """The configured database.

    Raises:
        BadDatabaseUrl: DATABASE_URL is not usable.
    """
    return _database(settings().database)


def blob_store() -> BlobStore:
    """The configured blob store.

    Raises:
        BlobStoreUnavailable: it cannot be opened.
    """
    return _blob_store(settings())


def pyramids() -> Pyramids:
    """The tiles of the pictures in the blob store.

    Raises:
        BlobStoreUnavailable: it cannot be opened.
    """
    return _pyramids(settings())


def submitter() -> Submitter:
    """Hands pictures in to the configured Kafka; any number of viewers may use it at once.

    Raises:
        EventLogUnavailable, BlobStoreUnavailable: one of the two cannot be reached.
    """
    return _submitter(settings())


def replayer() -> Replayer:
    """Sends dead letters again, for all viewers together."""
    return _replayer(settings())


def resubmitter() -> Resubmitter:
    """Hands known pictures in once more.

    Raises:
        EventLogUnavailable, BadDatabaseUrl: one of the two cannot be used.
    """
    return Resubmitter(_events(settings()), database())


@cache
def _database(url: str) -> Database:
    return Database(url)


@cache
def _require_tables(url: str) -> None:
    migrate.require_tables(_database(url))


@cache
def _blob_store(current: Settings) -> BlobStore:
    return open_blob_store(current)


@cache
def _pyramids(current: Settings) -> Pyramids:
    most = RESULT_FACTOR * current.max_picture_pixels
    return Pyramids(blob_store(), current.doublet_home / "tiles", most)


@cache
def _events(current: Settings) -> KafkaEventLog:
    return KafkaEventLog(current)


@cache
def _submitter(current: Settings) -> Submitter:
    return Submitter(_events(current), blob_store(), Limits.of(current))


@cache
def _replayer(current: Settings) -> Replayer:
    return Replayer(current, database())
