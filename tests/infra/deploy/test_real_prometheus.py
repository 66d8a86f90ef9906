"""A real Prometheus with our very configuration, on real parts: metrics come, an alert fires."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import DeadLetter
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.topics import UPLOADS, ensure_topics
from infra.settings import Settings
from tests.fixtures.brokers import BrokerFactory
from tests.fixtures.ports import free_ports
from tests.infra.deploy.test_watching import CONFIG

SOON = 150.0
pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(600)]


class Prometheus:
    """What it has scraped and found."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=30, trust_env=False)

    def value(self, query: str) -> float | None:
        """Of the only series that a query finds."""
        found = self._ask("/api/v1/query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        alerts = self._ask("/api/v1/alerts")["alerts"]
        return {it["labels"]["alertname"] for it in alerts if it["state"] == "firing"}

    def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        try:
            document = self._client.get(path, params=parameters).json()
        except (httpx.TransportError, ValueError):
            return {"result": [], "alerts": []}  # it starts
        data: dict[str, Any] = document.get("data") or {"result": [], "alerts": []}
        return data


@contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[None]:
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | environment
        )
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def rewritten(ports: dict[str, int], folder: Path) -> Path:
    """Our configuration with this machine's ports for the hosts' names; nothing else is changed."""
    document = yaml.safe_load(CONFIG.read_text())
    for job in document["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    document["rule_files"] = [str(CONFIG.parent / pattern) for pattern in document["rule_files"]]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(document))
    return file


def flags(config: Path) -> list[str]:
    """Those of the compose file, with this machine's folders for the container's."""
    compose = yaml.safe_load((CONFIG.parents[1] / "compose.yaml").read_text())
    places = {
        "/etc/prometheus/prometheus.yml": str(config),
        "/prometheus": str(config.with_name("tsdb")),
    }
    command = (flag.split("=") for flag in compose["services"]["prometheus"]["command"])
    return [f"{name}={places.get(value, value)}" for name, value in command]


def test_prometheus_sees_every_part_and_an_alert_fires(
    new_broker: BrokerFactory, tmp_path: Path
) -> None:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("Prometheus is not installed (Debian: apt install prometheus)")
    consumer, scheduler, dashboard, nobody, own = free_ports(5)
    ports = {
        "consumer": consumer,
        "scheduler": scheduler,
        "dashboard": dashboard,
        "model-server": nobody,
    }
    broker = new_broker("embedded", tmp_path)
    with ExitStack() as ends:
        broker.start()
        ends.callback(broker.kill)
        environment = {
            "DOUBLET_HOME": str(tmp_path),
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "MODEL_SERVER": f"127.0.0.1:{nobody}",
            "CONSUMER_HEALTH": f"127.0.0.1:{consumer}",
            "SCHEDULER_HEALTH": f"127.0.0.1:{scheduler}",
            "DASHBOARD_PORT": str(dashboard),
            "PARTITIONS": "1",
            "APOD_V2_URL": "http://127.0.0.1:9/apod-basic",
        }
        settings = Settings(
            _env_file=None,
            doublet_home=tmp_path,
            kafka_bootstrap_servers=broker.bootstrap,
            partitions=1,
        )
        with closing(Database(settings.database)) as database:
            upgrade(database)
            with open_admin(settings) as admin:
                ensure_topics(admin, settings)
            # More died within the hour than may: the alert that fires.
            with database.transaction() as session:
                session.add_all(_letter(number) for number in range(11))
        with closing(KafkaEventLog(settings)) as events:
            events.send(UPLOADS, b"k", b"{}", [("ce_specversion", b"1.0")])
        for module in ("consumers", "producers", "dashboard"):
            command = [sys.executable, "-m", module]
            ends.enter_context(process(command, tmp_path / f"{module}.log", **environment))
        command = [
            binary,
            *flags(rewritten(ports, tmp_path)),
            f"--web.listen-address=127.0.0.1:{own}",
        ]
        ends.enter_context(process(command, tmp_path / "prometheus.log"))
        prometheus = Prometheus(f"http://127.0.0.1:{own}")

        def await_value(query: str, wanted: float) -> None:
            deadline = time.monotonic() + SOON
            while (value := prometheus.value(query)) != wanted:
                if time.monotonic() > deadline:
                    logs = "\n".join(f.read_text()[-1500:] for f in tmp_path.glob("*.log"))
                    pytest.fail(f"{query} is {value} and not {wanted}\n{logs}")
                time.sleep(0.25)

        for job in ports:
            await_value(f'up{{job="{job}"}}', 0 if job == "model-server" else 1)
        await_value('sum(doublet_books_records{job="scheduler", term="dead"})', 1)
        await_value("doublet_books_difference_records", 0)
        await_value('doublet_records_ended_total{job="consumer", reason="bad_envelope"}', 1)
        await_value('sum(doublet_lag_records{topic="doublet.uploads.v1"})', 0)
        await_value('doublet_partitions{state="assigned"}', 3)
        await_value('doublet_info{part="dashboard"}', 1)
        deadline = time.monotonic() + SOON
        while "DoubletDeadLettersRising" not in prometheus.firing():
            assert time.monotonic() < deadline, prometheus.firing()
            time.sleep(0.25)
        # For two minutes at least, it says nothing of what has only just begun.
        assert "DoubletBooksDoNotBalance" not in prometheus.firing()


def _letter(number: int) -> DeadLetter:
    now = datetime.now(UTC)
    return DeadLetter(
        topic=UPLOADS,
        partition=0,
        offset=1000 + number,
        reason="failed",
        stage="model",
        detail="",
        attempts=3,
        first_failed_at=now,
        last_failed_at=now,
    )
