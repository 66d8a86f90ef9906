"""One suite for both forms of the blob store: a local folder, and a bucket on two S3 servers."""

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.blobs import (
    BadBlobReference,
    Blob,
    BlobMissing,
    BlobStore,
    BlobStoreUnavailable,
)
from tests.fixtures.blob_stores import blobs_at

CONTENT = b"some picture"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["local", "s3", pytest.param("gateway", marks=pytest.mark.deploy)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "local":
        return blobs_at((tmp_path / "blobs").as_uri())
    bucket = "s3_bucket" if request.param == "s3" else "s3_gateway_bucket"
    return blobs_at(request.getfixturevalue(bucket))


def test_what_is_put_is_got_under_the_hash_of_its_bytes(store: BlobStore) -> None:
    blob = store.put(CONTENT)
    assert blob.sha256 == HASH
    assert store.get(blob) == CONTENT
    assert store.size(blob) == len(CONTENT)


def test_a_file_is_stored_like_its_bytes(store: BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(CONTENT)
    assert store.put_file(file) == store.put(CONTENT)


def test_a_large_file_comes_back_whole(store: BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(12 * 1024 * 1024))  # more than one part of an S3 upload
    blob = store.put_file(file)
    assert store.get(blob) == file.read_bytes()
    chunks = list(store.chunks(blob))
    assert len(chunks) > 1
    assert b"".join(chunks) == file.read_bytes()


def test_putting_again_changes_nothing(store: BlobStore) -> None:
    assert store.put(CONTENT) == store.put(CONTENT)
    assert store.get(Blob(HASH)) == CONTENT


def test_a_missing_blob_is_named_so(store: BlobStore) -> None:
    missing = Blob("0" * 64)
    with pytest.raises(BlobMissing, match="blob:0000"):
        store.get(missing)
    with pytest.raises(BlobMissing):
        store.size(missing)
    with pytest.raises(BlobMissing):
        next(store.chunks(missing))


def test_what_is_stored_is_listed_with_its_length_and_age(store: BlobStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    blobs = {store.put(b"1" * length) for length in (1, 22, 333)}
    listed = {it.blob: it for it in store.stored()}
    assert listed.keys() == blobs
    assert sorted(it.length for it in listed.values()) == [1, 22, 333]
    assert all(before < it.stored_at < before + timedelta(minutes=5) for it in listed.values())


def test_only_what_was_not_put_again_is_removed(store: BlobStore) -> None:
    blob, other = store.put(CONTENT), store.put(b"another")
    now = datetime.now(UTC)
    assert not store.remove_if_older(blob, now - timedelta(minutes=1))
    assert store.get(blob) == CONTENT
    assert store.remove_if_older(blob, now + timedelta(minutes=1))
    assert not store.remove_if_older(blob, now + timedelta(minutes=1))
    assert [it.blob for it in store.stored()] == [other]


def test_putting_again_makes_young(store: BlobStore) -> None:
    store.put(CONTENT)
    time.sleep(1.1)  # S3 tells whole seconds
    between = datetime.now(UTC).replace(microsecond=0)
    blob = store.put(CONTENT)
    assert not store.remove_if_older(blob, between)


def test_other_peoples_files_are_not_listed(tmp_path: Path) -> None:
    store = blobs_at(tmp_path.as_uri())
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / HASH).write_text("a name like ours, at another place")
    assert list(store.stored()) == []


def test_an_unreachable_store_is_not_a_missing_blob(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    store = blobs_at("s3://bucket/pictures")
    with pytest.raises(BlobStoreUnavailable):
        store.get(Blob(HASH))


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/folder"])
def test_a_url_that_names_no_store_is_one_clear_line(url: str) -> None:
    with pytest.raises(BlobStoreUnavailable, match="BLOB_STORE") as refusal:
        blobs_at(url)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "reference",
    ["http://host/x", "file:///etc/passwd", "blob:../../x", "blob:", f"blob:{HASH.upper()}", HASH],
)
def test_a_reference_never_leaves_the_store(reference: str) -> None:
    with pytest.raises(BadBlobReference):
        Blob.from_reference(reference)


def test_a_reference_leads_back_to_its_blob() -> None:
    assert Blob.from_reference(Blob(HASH).reference) == Blob(HASH)
