"""No secret is ever shown: every one is given a value that is then looked for everywhere."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import httpx
import pytest

from infra.errors import BadSetting
from infra.secret_files import secret_names
from infra.settings import Settings
from tests.fixtures.apod_servers import ApodServer, Recorded
from tests.fixtures.ports import free_ports

REPOSITORY = Path(__file__).parents[1]
MARK = "5ecret"
"""Part of every secret's value, and of nothing else."""

SECRETS = secret_names(Settings)
SECONDS = 100.0
"""What anything here may take on a machine that does much else."""
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def value_of(name: str) -> str:
    """A value that its setting takes; nothing listens where the database's leads."""
    if name == "database_url":
        return f"postgresql+psycopg://doublet:{MARK}-password@127.0.0.1:1/doublet"
    return f"{MARK}-{name}-that-is-long-enough-to-sign-with"


@pytest.fixture
def environment(apod_server: ApodServer, tmp_path: Path) -> dict[str, str]:
    """Every secret is set, every part is asked for with it, and each of them fails."""
    with_secrets = {name.upper(): value_of(name) for name in SECRETS}
    ways = {
        "DOUBLET_HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": "doublet",
        "MODEL_SERVER": "127.0.0.1:1",
        "BLOB_STORE": "s3://bucket/pictures",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        "AWS_REGION": "us-east-1",
        "APOD_API": "v1",
        "APOD_V1_URL": apod_server.v1_url,
        "OIDC_METADATA_URL": "https://127.0.0.1:1/.well-known/openid-configuration",
        "OIDC_CLIENT_ID": "doublet",
        "DASHBOARD_URL": "http://127.0.0.1:8501",
        "OPERATORS": "somebody@example.org",
        "LOG_LEVEL": "DEBUG",
    }
    return os.environ | with_secrets | ways


def test_the_secrets_are_the_settings_that_sound_like_it() -> None:
    """A new one that is a plain string by mistake is noticed by its name."""
    words = ("password", "secret", "token", "api_key", "database_url")
    sounding = [name for name in Settings.model_fields if any(word in name for word in words)]
    assert sorted(SECRETS) == sorted(sounding)


def test_settings_that_are_printed_show_none() -> None:
    values = {name: value_of(name) for name in SECRETS}
    current = Settings(_env_file=None, **values)  # type: ignore[arg-type]
    shown = f"{current!r} {current} {current.model_dump()} {current.model_dump_json()}"
    assert MARK not in shown


class Process:
    """A part or a command, and all that it says."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.name = " ".join(arguments)
        self._log = folder / f"{self.name.replace('/', '-')}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + SECONDS
        while words not in self.said:
            assert time.monotonic() < deadline, f"{self.name} does not say {words!r}:\n{self.said}"
            time.sleep(0.1)

    def end(self) -> str:
        """Wait for its end; answers what it said."""
        self._process.wait(SECONDS)
        return self.said

    def stop(self) -> str:
        """Ask a part to end."""
        self._process.send_signal(signal.SIGTERM)
        return self.end()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes, none of which outlives the test."""
    with ExitStack() as ends:

        def run(environment: dict[str, str], *arguments: str) -> Process:
            process = Process(tmp_path, environment, *arguments)
            ends.callback(process.kill)
            return process

        yield run


def test_no_command_shows_a_secret_when_it_fails(
    environment: dict[str, str], run: Callable[..., Process], tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(base64.b64decode(PNG))
    with_database = environment | {"DATABASE_URL": ""}
    running = [
        run(environment, "doublet", "--help"),
        run(environment, "doublet", "status"),
        run(environment, "doublet", "books"),
        run(environment, "doublet", "alerts"),
        run(with_database, "doublet", "submit", str(picture)),
        run(with_database, "doublet", "blobs", "sweep"),
        run(environment | {"COOKIE_SECRET_FILE": "/absent"}, "doublet", "topics"),
        run(environment | {"DATABASE_URL": f"postgresql://x:y:{MARK}@z"}, "doublet", "alerts"),
    ]
    for process in running:
        assert process.end(), process.name
        assert MARK not in process.said, f"{process.name}:\n{process.said}"


def test_no_part_shows_a_secret_while_it_waits(
    environment: dict[str, str], run: Callable[..., Process]
) -> None:
    [port] = free_ports(1)
    dashboard = run(environment | {"DASHBOARD_PORT": str(port)}, "dashboard")
    consumer = run(environment, "consumers")
    scheduler = run(environment, "producers")
    consumer.wait_for("waiting for")
    scheduler.wait_for("trying again")
    answers = []
    for path in ("/_stcore/health", "/", "/oauth2callback", "/v1/images/nothing"):
        address = f"http://127.0.0.1:{port}{path}"
        answers.append(httpx.Client(transport=httpx.HTTPTransport(retries=200)).get(address))
    answers.append(httpx.post(f"http://127.0.0.1:{port}/v1/images", content=PNG, timeout=60))
    for answer in answers:
        assert MARK not in f"{answer.headers} {answer.text}"
    for part in (dashboard, consumer, scheduler):
        assert MARK not in part.stop(), f"{part.name}:\n{part.said}"


def test_the_key_of_a_service_that_fails_is_neither_said_nor_kept(
    environment: dict[str, str],
    run: Callable[..., Process],
    apod_server: ApodServer,
    tmp_path: Path,
) -> None:
    """It is part of the address that is asked, and errors like to quote addresses."""
    blobs = {"DATABASE_URL": "", "BLOB_STORE": (tmp_path / "blobs").as_uri()}
    asked = environment | blobs
    assert run(asked, "doublet", "db", "upgrade").end()
    for status in (500, 302):
        day = date(2026, 11, 20)
        apod_server.v1(day, Recorded(b"broken", status, headers={"location": "http://x.test/"}))
        fetched = run(asked, "doublet", "apod", "fetch", f"{day}")
        assert MARK not in fetched.end(), fetched.said
    assert any(MARK in path for path in apod_server.requests)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or MARK.encode() not in file.read_bytes(), file


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SECRETS:
        (tmp_path / name).write_text(value_of(name) + "\n")
        monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    current = Settings(_env_file=None)
    for name in SECRETS:
        assert getattr(current, name).get_secret_value() == value_of(name)


def test_a_file_of_a_secret_may_be_named_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(MARK)
    (tmp_path / ".env").write_text(f"KAFKA_SASL_PASSWORD_FILE={tmp_path / 'password'}\n")
    current = Settings(_env_file=tmp_path / ".env")
    assert current.kafka_sasl_password.get_secret_value() == MARK


def test_a_secret_that_is_given_twice_or_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NASA_API_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(BadSetting, match=r"NASA_API_KEY_FILE is not usable: .*No such file"):
        Settings(_env_file=None)
    monkeypatch.setenv("NASA_API_KEY", MARK)
    with pytest.raises(BadSetting, match="NASA_API_KEY and NASA_API_KEY_FILE are both set"):
        Settings(_env_file=None)
