"""Everything that Doublet keeps, copied into a folder in the order that makes it whole.

The database first. Every blob that it refers to was stored before the row that says so, so that
blobs copied afterwards have all of them. Kafka's log comes last: it then has every record that the
database knows. The offsets that the group committed may be newer than the database; `rewind` sets
them back, and what was settled in between is settled once more.
"""

import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.backup.databases import CannotBackUp, bring_back, copy_sqlite, snapshot
from infra.blobs import BlobMissing, BlobStore, ObjectBlobStore, StoredBlob, open_blob_store
from infra.broker.claim import HOST
from infra.settings import Settings

BLOBS, BROKER = "blobs", "broker"
_CATALOGUE = "catalogue.sqlite3"
"""Of the embedded broker: copied last, so that it gives no producer's number twice."""
_NOT_COPIED = ("lock", "jars", _CATALOGUE, f"{_CATALOGUE}-*")


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore moved."""

    blobs: int
    """That were not there before."""
    broker: bool
    """Whether the local broker's log went with it."""


def back_up(settings: Settings, folder: Path) -> Copied:
    """Copy database, blobs and the local broker's log, while all parts run.

    Into the same folder again, only new blobs are copied.

    Raises:
        CannotBackUp: what there is cannot be copied.
        BlobStoreUnavailable: the blob store is away.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds everybody's pictures
    snapshot(settings.database, folder)
    blobs = _copy_blobs(open_blob_store(settings), _folder_store(folder))
    return Copied(blobs, _copy_broker(settings, folder))


def restore(settings: Settings, folder: Path) -> Copied:
    """Fill empty places from a backup; no part may run. Kafka's offsets are not touched here.

    Raises:
        CannotBackUp: a place is not empty, or the backup is not one.
        BlobStoreUnavailable: the blob store is away.
    """
    broker = broker_folder(settings)
    source = folder / BROKER / settings.local_broker
    if broker and broker.exists() and source.exists():
        raise CannotBackUp(f"{broker} exists: restore into an empty place")
    bring_back(settings.database, folder)
    blobs = _copy_blobs(_folder_store(folder), open_blob_store(settings))
    if broker and source.exists():
        shutil.copytree(source, broker)
        return Copied(blobs, broker=True)
    return Copied(blobs, broker=False)


def broker_folder(settings: Settings) -> Path | None:
    """Where the local broker keeps its log; None where Kafka is somebody else's."""
    if settings.kafka_bootstrap_servers:
        return None
    return settings.doublet_home / "broker" / settings.local_broker


def _folder_store(folder: Path) -> BlobStore:
    return ObjectBlobStore.at((folder / BLOBS).absolute().as_uri())


def _copy_blobs(source: BlobStore, target: BlobStore) -> int:
    """Copy what the target lacks, and look at each hash on the way."""
    there = {stored.blob: stored.length for stored in target.stored()}
    missing = [it for it in source.stored() if there.get(it.blob) != it.length]
    return sum(_copy_blob(it, source, target) for it in missing)


def _copy_blob(stored: StoredBlob, source: BlobStore, target: BlobStore) -> bool:
    with tempfile.NamedTemporaryFile(prefix="doublet-") as file:
        try:
            for chunk in source.chunks(stored.blob):
                file.write(chunk)
        except BlobMissing:  # swept in the meantime: nothing refers to it
            return False
        file.flush()
        if target.put_file(Path(file.name)) != stored.blob:
            raise CannotBackUp(f"{stored.blob.reference} is damaged: its bytes have another hash")
    return True


def _copy_broker(settings: Settings, folder: Path) -> bool:
    broker = broker_folder(settings)
    if broker is None or not broker.exists():
        return False
    if settings.local_broker == "apache" and _listening(settings.broker_port):
        raise CannotBackUp(
            "Apache Kafka's log cannot be copied while it runs: stop the stack first (database and "
            "blobs are copied)"
        )
    target = folder / BROKER / settings.local_broker
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(broker, target, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    if (broker / _CATALOGUE).exists():
        copy_sqlite(broker / _CATALOGUE, target / _CATALOGUE)
    return True


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
