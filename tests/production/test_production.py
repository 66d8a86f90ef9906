"""The compose file's parts, run natively with its very settings: one picture from end to end."""

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.databases import find_binaries
from tests.production.compose import DEPLOY, read_compose
from tests.production.machine import Machine
from tests.production.services import OURS, Services, running

pytestmark = [
    pytest.mark.deploy,
    pytest.mark.apache,
    pytest.mark.postgres,
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    """Everything but Prometheus and Grafana, up and well."""
    if find_binaries() is None:
        pytest.skip("PostgreSQL's server (initdb, postgres) is not installed")
    compose = read_compose("cpu")
    # PostgreSQL's own account must reach it.
    root = Path(tempfile.mkdtemp(prefix="doublet-production-"))
    root.chmod(0o755)
    try:
        subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(root / "secrets")], check=True)
        (root / "secrets").chmod(0o755)
        machine = Machine(root, compose)
        if (
            shutil.which("versitygw", path=machine.environment(compose.services["s3"])["PATH"])
            is None
        ):
            pytest.skip("versitygw is not installed (go install)")
        cache = request.config.cache.mkdir("apache-kafka-jars")
        with running(compose, machine, cache) as services:
            yield services
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_a_picture_goes_through_every_part(services: Services, tmp_path: Path) -> None:
    dashboard = services.wanted["dashboard"]
    pixels = np.random.default_rng(6).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "stars.png")
    submit = ["python", "-m", "doublet", "submit", str(tmp_path / "stars.png")]
    outcome = services.run(dashboard, *submit, "--json", "--out", str(tmp_path / "doubled"))
    assert outcome.returncode == 0, f"{outcome.stdout}{outcome.stderr}\n{services.logs()}"
    assert json.loads(outcome.stdout)["state"] == "done"
    with Image.open(tmp_path / "doubled" / "stars-doubled.png") as doubled:
        assert doubled.size == (128, 96)
    books = services.run(dashboard, "python", "-m", "doublet", "books", "--verify")
    assert books.returncode == 0, books.stdout


def test_every_health_check_of_the_file_is_green(services: Services) -> None:
    for service in services.wanted.values():
        if service.health_check:
            assert services.is_well(service), service.name


def test_a_part_that_is_not_there_is_not_healthy(services: Services) -> None:
    """The checks can fail: nothing listens at another service's address on these ports."""
    consumer = services.wanted["consumer"]
    elsewhere = services.wanted["dashboard"].health_check
    assert services.run(consumer, *elsewhere).returncode != 0


def test_people_find_the_dashboard(services: Services) -> None:
    address = services.machine.address(services.wanted["dashboard"])
    with urlopen(f"http://{address}:8501/", timeout=60) as page:
        assert b"<title>" in page.read()


def test_the_stores_keep_their_data_in_the_volumes(services: Services) -> None:
    """Not beside them: what is outside a volume is lost with the container."""
    volumes = services.machine.root / "volumes"
    assert list((volumes / "kafka").glob("doublet.uploads.v1-*"))
    assert any(file.is_file() for file in (volumes / "s3" / "doublet" / "blobs").rglob("*"))
    assert (volumes / "postgres" / "data" / "PG_VERSION").exists()


def test_no_secret_is_in_a_log(services: Services) -> None:
    secrets = services.machine.root / "secrets"
    words = [text for file in secrets.iterdir() if (text := file.read_text())]
    for log in services.machine.root.glob("*/log"):
        assert not any(word in log.read_text() for word in words), log


def test_all_of_it_ends_in_order(services: Services) -> None:
    codes = services.stop()
    # The dashboard's server ends in order, and then by the signal that it was sent.
    in_order = {0, -signal.SIGTERM}
    assert all(codes[name] in in_order for name in OURS), f"{codes}\n{services.logs()}"
