"""Both local brokers as a person starts and stops them: one clear line when it cannot be."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from tests.fixtures.brokers import FORMS, BrokerFactory, LocalBroker


def run(
    form: str, data: Path, port: int, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start a broker that is expected to give up."""
    command = [sys.executable, "-m", f"infra.broker.{form}"]
    return subprocess.run(
        [*command, "--data", str(data), "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=False,
    )


def complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    """What it said last, before it ended with code 1 and no traceback."""
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    return outcome.stderr.splitlines()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")


@pytest.mark.parametrize("form", ["embedded", pytest.param("apache", marks=needs_java)])
def test_a_port_in_use(form: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = complaint(run(form, tmp_path, port))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


@pytest.mark.parametrize("form", ["embedded", pytest.param("apache", marks=needs_java)])
def test_a_data_folder_in_use(form: str, embedded_broker: LocalBroker) -> None:
    said = complaint(run(form, embedded_broker.data, free_port()))
    assert str(embedded_broker.data) in said
    assert "--data" in said


@pytest.mark.parametrize("form", ["embedded", pytest.param("apache", marks=needs_java)])
def test_a_data_folder_that_cannot_be(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert str(tmp_path / "file") in complaint(run(form, tmp_path / "file", free_port()))


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    said = complaint(run("apache", tmp_path, free_port(), env={"PATH": str(tmp_path)}))
    assert "Java 17" in said
    assert "embedded broker" in said


@needs_java
def test_without_maven_it_says_what_to_install(tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java is not None
    (tmp_path / "java").symlink_to(java)
    data = tmp_path / "data"
    said = complaint(run("apache", data, free_port(), env={"PATH": str(tmp_path)}))
    assert "Maven" in said


@pytest.mark.parametrize("form", FORMS)
def test_it_stops_when_it_is_asked_to_with_clients_connected(
    form: str, new_broker: BrokerFactory, tmp_path: Path
) -> None:
    broker = new_broker(form, tmp_path)
    broker.start()
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    process = broker.process
    broker.stop()
    assert process.returncode in (0, 143)  # 143 is how Java reports SIGTERM after a clean stop
    assert "Traceback" not in (tmp_path / "broker.log").read_text()
    consumer.close(timeout_ms=500)


def test_the_embedded_one_says_first_that_it_is_a_development_part(
    embedded_broker: LocalBroker,
) -> None:
    first, *_ = (embedded_broker.folder / "broker.log").read_text().splitlines()
    assert "development part" in first


def test_the_embedded_one_listens_on_loopback_only(embedded_broker: LocalBroker) -> None:
    """Every other address of this machine refuses."""
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in {str(each) for each in addresses} - {"127.0.0.1"}:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            assert probe.connect_ex((address, embedded_broker.port)) != 0


def test_the_embedded_one_loads_nothing_heavy() -> None:
    """It is the first part to start, and stays for as long as the stack does."""
    script = "import sys, infra.broker.embedded.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split()
    assert not {"numpy", "tensorflow", "sqlalchemy", "pydantic", "PIL"} & set(loaded)
