"""An S3 store by TLS, with a certificate of an authority of its own."""

import os
from pathlib import Path

import boto3
import pytest

from infra.blobs import BlobStoreUnavailable, open_blob_store
from infra.errors import BadSetting
from infra.settings import Settings
from tests.fixtures.certificates import Authority


@pytest.fixture
def bucket(secure_s3_server: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket on a server that speaks TLS alone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", secure_s3_server)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    bucket = f"bucket-{os.urandom(4).hex()}"
    boto3.client(
        "s3",
        endpoint_url=secure_s3_server,
        verify=str(authority.file),
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    ).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/pictures"


def store_of(bucket: str, **others: str) -> Settings:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return Settings(_env_file=None, blob_store=bucket, **keys, **others)  # type: ignore[arg-type]


def test_blobs_are_kept_by_tls(bucket: str, authority: Authority) -> None:
    store = open_blob_store(store_of(bucket, blob_store_ca_file=str(authority.file)))
    assert store.get(store.put(b"a picture")) == b"a picture"


def test_an_authority_that_we_do_not_trust_is_waited_for(bucket: str, stranger: Authority) -> None:
    store = open_blob_store(store_of(bucket, blob_store_ca_file=str(stranger.file)))
    with pytest.raises(BlobStoreUnavailable, match="certificate") as refusal:
        store.put(b"a picture")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_certificate_stops_at_the_start(tmp_path: Path) -> None:
    settings = store_of("s3://bucket", blob_store_ca_file=str(tmp_path / "absent.pem"))
    with pytest.raises(BadSetting, match=r"BLOB_STORE_CA_FILE.*no such file"):
        open_blob_store(settings)
