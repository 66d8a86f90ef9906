"""The database and the blob store, opened once for all pages, viewers and addresses."""

from functools import cache

from infra.blobs import BlobStore, open_blob_store
from infra.database.engine import Database
from infra.settings import settings


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
    return _blob_store(settings().blobs)


@cache
def _database(url: str) -> Database:
    return Database(url)


@cache
def _blob_store(url: str) -> BlobStore:
    return open_blob_store(url)
