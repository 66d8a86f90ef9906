"""Content-addressed blobs: every file under the SHA-256 of its bytes, written once, atomically."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from infra.errors import DoubletError, Unavailable
from infra.settings import Settings
from infra.tls import to_blob_store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

SCHEME = "blob:"
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNTRUSTED = re.compile(r"InvalidCertificate\(\s*(\w+)")
"""How the library says, far below its first line, that it does not trust the server."""
_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
"""For a request that was lost; an outage is waited for by those who use the store."""


class BlobMissing(DoubletError):
    """The store is there and holds no blob of that hash."""


class BadBlobReference(DoubletError):
    """A reference that does not point into our own store."""


class BlobStoreUnavailable(Unavailable):
    """The store cannot be reached, or refuses us."""

    part = "the blob store"


@dataclass(frozen=True)
class Blob:
    """A stored file: the hash of its bytes is its name."""

    sha256: str

    def __post_init__(self) -> None:
        if not _HEX_SHA256.fullmatch(self.sha256):
            raise BadBlobReference(f"{self.sha256[:80]!r} is not a SHA-256 in lower-case hex")

    @property
    def path(self) -> str:
        """Where it lies, under two levels of folders so that none grows too large."""
        return f"{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"

    @property
    def reference(self) -> str:
        """The ``dataref`` of a claim check."""
        return SCHEME + self.sha256

    @classmethod
    def from_reference(cls, reference: str) -> "Blob":
        """Read a ``dataref``.

        Raises:
            BadBlobReference: it names anything but a blob of our own store.
        """
        if not reference.startswith(SCHEME):
            raise BadBlobReference(
                f"{reference[:80]!r} points outside our blob store; only blob:<sha256> is read"
            )
        return cls(reference.removeprefix(SCHEME))


@dataclass(frozen=True)
class StoredBlob:
    """A blob as the store lists it."""

    blob: Blob
    length: int
    """In bytes."""
    stored_at: datetime
    """When it was put last: putting it again makes it young."""


class BlobStore(Protocol):
    """Where pictures, results and previews lie.

    Every method raises BlobStoreUnavailable when the store cannot be reached.
    """

    def put(self, content: bytes) -> Blob:
        """Store bytes; storing them again changes nothing."""

    def put_file(self, path: Path) -> Blob:
        """Store a file of any size, without reading it into memory."""

    def get(self, blob: Blob) -> bytes:
        """The bytes; raises BlobMissing."""

    def chunks(self, blob: Blob) -> Iterator[bytes]:
        """The bytes, some MiB at a time; raises BlobMissing before the first."""

    def size(self, blob: Blob) -> int:
        """The length in bytes; raises BlobMissing."""

    def stored(self) -> Iterator[StoredBlob]:
        """Every blob, in no order; what else lies in the store is left out."""

    def remove_if_older(self, blob: Blob, than: datetime) -> bool:
        """Remove a blob, unless it was put again since then; whether it was removed."""


class ObjectBlobStore:
    """A BlobStore over a local folder or an S3 bucket, whichever the URL names."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> "ObjectBlobStore":
        """The store in a local folder, ``file:///``, which is made."""
        return cls(LocalStore.from_url(url, mkdir=True))

    def put(self, content: bytes) -> Blob:
        blob = Blob(hashlib.sha256(content).hexdigest())
        self._write(blob, content)
        return blob

    def put_file(self, path: Path) -> Blob:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        blob = Blob(digest)
        self._write(blob, path)
        return blob

    def get(self, blob: Blob) -> bytes:
        try:
            return bytes(obstore.get(self._store, blob.path).bytes())
        except FileNotFoundError:
            raise _missing(blob) from None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def chunks(self, blob: Blob) -> Iterator[bytes]:
        try:
            for chunk in obstore.get(self._store, blob.path):
                yield bytes(chunk)
        except FileNotFoundError:
            raise _missing(blob) from None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def size(self, blob: Blob) -> int:
        try:
            return obstore.head(self._store, blob.path)["size"]
        except FileNotFoundError:
            raise _missing(blob) from None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def stored(self) -> Iterator[StoredBlob]:
        try:
            for batch in obstore.list(self._store):
                for found in batch:
                    name = found["path"].rpartition("/")[2]
                    if _HEX_SHA256.fullmatch(name) and Blob(name).path == found["path"]:
                        yield StoredBlob(Blob(name), found["size"], found["last_modified"])
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def remove_if_older(self, blob: Blob, than: datetime) -> bool:
        try:
            if obstore.head(self._store, blob.path)["last_modified"] >= than:
                return False
            obstore.delete(self._store, blob.path)
        except FileNotFoundError:
            return False  # somebody else was quicker
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return True

    def _write(self, blob: Blob, content: bytes | Path | IO[bytes]) -> None:
        try:
            obstore.put(self._store, blob.path, content)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error


def open_blob_store(settings: Settings) -> BlobStore:
    """The store of BLOB_STORE, ``s3://bucket/prefix`` or ``file:///``, or the stack's folder.

    Raises:
        BlobStoreUnavailable: the URL names no store that we can open.
        BadSetting: BLOB_STORE_CA_FILE is not usable.
    """
    url = settings.blobs
    authorities = to_blob_store(settings).contents()[0]
    # What is not set here, AWS's own variables, files and roles say.
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key.get_secret_value()
    config: S3Config = {"access_key_id": key, "secret_access_key": secret} if key else {}
    # Not an empty one: beside a key, it would undo AWS_ALLOW_HTTP.
    client: ClientConfig | None = {"root_certificate": authorities} if authorities else None
    try:
        if url.startswith("file://"):
            return ObjectBlobStore.at(url)
        return ObjectBlobStore(
            from_url(url, config=config, client_options=client, retry_config=_RETRIES)
        )
    except (BaseError, OSError, ValueError) as error:
        raise BlobStoreUnavailable(
            f"cannot open the blob store {url!r}: {_first_line(error)}; check BLOB_STORE"
        ) from error


def _missing(blob: Blob) -> BlobMissing:
    return BlobMissing(f"the blob store holds no {blob.reference}")


def _unavailable(error: Exception) -> BlobStoreUnavailable:
    if untrusted := _UNTRUSTED.search(str(error)):
        return BlobStoreUnavailable(f"the blob store's certificate is not trusted: {untrusted[1]}")
    return BlobStoreUnavailable(f"the blob store does not answer: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
