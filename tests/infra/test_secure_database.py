"""PostgreSQL by TLS, as far as DATABASE_URL can ask for it: with libpq's own words.

In processes of their own: TensorFlow, which this one has imported, brings another TLS library, and
libpq's breaks beside it. No part of Doublet that uses the database imports TensorFlow (test_house).
"""

import os
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.fixtures.certificates import Authority
from tests.fixtures.databases import PASSWORD, SecurePostgres

pytestmark = pytest.mark.postgres


def upgraded(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doublet", "db", "upgrade"]
    environment = os.environ | {"DATABASE_URL": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def refusal(url: str) -> str:
    done = upgraded(url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_the_tables_are_made_by_tls(secure_postgres: SecurePostgres, authority: Authority) -> None:
    done = upgraded(secure_postgres.url(authority.file))
    assert done.stdout.startswith("the database is at schema"), done.stderr


def test_a_certificate_of_ours_stands_for_the_password(
    secure_postgres: SecurePostgres, authority: Authority
) -> None:
    ours = authority.certify("by-certificate")
    ours.key_file.chmod(0o600)  # libpq takes no other
    url = secure_postgres.url(authority.file, user="by-certificate", password="")
    done = upgraded(f"{url}&sslcert={quote(str(ours.file))}&sslkey={quote(str(ours.key_file))}")
    assert done.stdout.startswith("the database is at schema"), done.stderr


def test_an_authority_that_we_do_not_trust_is_named(
    secure_postgres: SecurePostgres, stranger: Authority
) -> None:
    assert "certificate verify failed" in refusal(secure_postgres.url(stranger.file))


def test_a_certificate_of_another_host_is_not_taken(
    secure_postgres: SecurePostgres, authority: Authority
) -> None:
    url = secure_postgres.url(authority.file).replace("@127.0.0.1", "@localhost")
    assert "does not match host name" in refusal(url)


def test_a_wrong_password_is_said_and_not_shown(
    secure_postgres: SecurePostgres, authority: Authority
) -> None:
    said = refusal(secure_postgres.url(authority.file, password="a-wrong-one"))
    assert "password authentication failed" in said
    assert "a-wrong-one" not in said
    assert PASSWORD not in said


def test_nobody_comes_in_without_encryption(
    secure_postgres: SecurePostgres, authority: Authority
) -> None:
    url = secure_postgres.url(authority.file).replace("verify-full", "disable")
    assert "no encryption" in refusal(url)
