"""The services' processes: each as its image would start it, in the order that the file wants."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.broker.apache import jars, node
from infra.broker.claim import BrokerCannotStart
from tests.production.compose import REPOSITORY, Compose, Service
from tests.production.machine import Machine

UP_SECONDS = 400.0
"""For all services, on a machine that does other things as well."""
LOOK_SECONDS = 0.3
"""Between two looks at who is well."""
ELSEWHERE = {"prometheus", "grafana"}
"""Services whose settings have tests of their own."""


class Services:
    """What `docker compose up` would have started."""

    def __init__(self, compose: Compose, machine: Machine, kafka_jars: Path) -> None:
        self.machine = machine
        self.wanted = {n: s for n, s in compose.services.items() if n not in ELSEWHERE}
        self._jars = kafka_jars
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def up(self) -> None:
        """Start each service once those that it needs are as it wants them; wait for all."""
        deadline = time.monotonic() + UP_SECONDS
        while not all(self._is(service, "there") for service in self.wanted.values()):
            for service in self.wanted.values():
                if service.name not in self._running and self._can_start(service):
                    self._running[service.name] = self._start(service)
            if time.monotonic() > deadline:
                pytest.fail(f"not up in time\n{self.logs()}")
            time.sleep(LOOK_SECONDS)

    def run(self, service: Service, *command: str) -> subprocess.CompletedProcess[str]:
        """A command beside the service: `docker compose exec`."""
        return subprocess.run(
            self.machine.words(service, list(command)),
            env=self.machine.environment(service),
            cwd=self.machine.folder(service, "tmp"),
            capture_output=True,
            text=True,
            check=False,
        )

    def is_well(self, service: Service) -> bool:
        """Run the health check of the file."""
        return self.run(service, *service.health_check).returncode == 0

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """Of a service that runs."""
        return self._running[name]

    def stop(self) -> dict[str, int]:
        """SIGTERM to those of ours that run on, then to the others; their exit codes."""
        codes = {}
        for names in (OURS, set(self._running) - OURS):
            going = {name: self._running.pop(name) for name in names & self._running.keys()}
            for process in going.values():
                process.terminate()
            for name, process in going.items():
                try:
                    codes[name] = process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    codes[name] = process.wait()
        return codes

    def logs(self) -> str:
        """The end of each service's log."""
        files = sorted(self.machine.root.glob("*/log"))
        return "\n".join(f"== {file.parent.name}\n{file.read_text()[-1500:]}" for file in files)

    def _can_start(self, service: Service) -> bool:
        needed = [(self.wanted[n], how) for n, how in service.needs.items() if n in self.wanted]
        return all(self._is(other, how) for other, how in needed)

    def _is(self, service: Service, condition: str) -> bool:
        process = self._running.get(service.name)
        if process is None:
            return False
        code = process.poll()
        if condition == "service_completed_successfully" or not service.health_check:
            assert code in (None, 0), f"{service.name} ended with {code}\n{self.logs()}"
            return code == 0
        assert code is None, f"{service.name} ended with {code}\n{self.logs()}"
        return self.is_well(service)

    def _start(self, service: Service) -> subprocess.Popen[bytes]:
        command, account = self._native(service)
        with (self.machine.folder(service, ".") / "log").open("wb") as log:
            return subprocess.Popen(
                command,
                env=self.machine.environment(service),
                cwd=self.machine.folder(service, "tmp"),
                user=account,
                stdout=log,
                stderr=log,
            )

    def _native(self, service: Service) -> tuple[list[str], str | None]:
        """The command that the service's image would run, and the account that it needs here."""
        command = self.machine.words(service, service.command)
        image = service.declared["image"]
        if image.startswith("apache/kafka:"):
            return self._kafka(service), None
        if image.startswith("postgres:"):
            return self._postgres(service, command)
        if image.startswith("doublet-model-server:"):
            # The image's entrypoint opens these ports; the models lie in the image.
            models = self._models(service)
            server = [sys.executable, "-m", "serving.embedded", "--port=8500"]
            listen = ["--rest_api_port=8501", f"--bind_address={self.machine.address(service)}"]
            flags = [f for f in command if "model_config_file" not in f]
            return [*server, *listen, *flags, f"--model_config_file={models}"], None
        if image.startswith("doublet:") and not service.declared["entrypoint"]:
            return [sys.executable, "-m", *command], None  # the Dockerfile's ENTRYPOINT
        return command, None

    def _kafka(self, service: Service) -> list[str]:
        """With the class that the image starts with too: it makes the file of the variables."""
        environment = self.machine.environment(service)
        config = self.machine.folder(service, "config")
        heap = environment["KAFKA_HEAP_OPTS"].split()
        java = ["java", *heap, f"-Dlog4j2.configurationFile={node.LOGGING}"]
        java += ["-XX:TieredStopAtLevel=1", "-cp", f"{self._jars}/*"]
        nothing = self.machine.folder(service, "mounted")
        folders = {"default": nothing, "mounted": nothing, "final": config}
        (config / "server.properties").touch()
        setup = [f"--{name}-configs-dir={folder}" for name, folder in folders.items()]
        outcome = subprocess.run(
            [*java, "kafka.docker.KafkaDockerWrapper", "setup", *setup],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert outcome.returncode == 0, f"{outcome.stdout}{outcome.stderr}"
        return [*java, "kafka.Kafka", str(config / "server.properties")]

    def _postgres(self, service: Service, command: list[str]) -> tuple[list[str], str | None]:
        """As the image's entrypoint: a new folder is made a database by the variables."""
        given = self.machine.environment(service)
        data = self.machine.volume("postgres") / "data"
        account = "postgres" if os.geteuid() == 0 else None
        if account:
            shutil.chown(data.parent, account)
        initdb = ["initdb", "-D", str(data), "-U", given["POSTGRES_USER"]]
        initdb += [f"--pwfile={given['POSTGRES_PASSWORD_FILE']}"]
        create = f"CREATE DATABASE {given['POSTGRES_DB']}\n"
        for step, told in (
            ([*initdb, *given["POSTGRES_INITDB_ARGS"].split()], ""),
            (["postgres", "--single", "-D", str(data), "postgres"], create),
        ):
            subprocess.run(
                step,
                input=told,
                text=True,
                env=given,
                user=account,
                cwd=data.parent,
                check=True,
                capture_output=True,
            )
        where = ["-c", f"listen_addresses={self.machine.address(service)}", "-k", str(data.parent)]
        return [*command, "-D", str(data), *where], account

    def _models(self, service: Service) -> Path:
        models = REPOSITORY / "serving" / "models"
        text = (REPOSITORY / "infra/deploy/model-server/models.conf").read_text()
        file = self.machine.folder(service, "config") / "models.conf"
        file.write_text(text.replace('"/models/', f'"{models}/'))
        return file


OURS = {"consumer", "scheduler", "dashboard"}


@contextmanager
def running(compose: Compose, machine: Machine, jars_cache: Path) -> Iterator[Services]:
    """All services meanwhile; skips where a program cannot be had."""
    try:
        node.require_java()
        kafka = jars.fetch(jars_cache)
    except BrokerCannotStart as error:
        pytest.skip(str(error))
    services = Services(compose, machine, kafka.absolute())
    try:
        services.up()
        yield services
    finally:
        services.stop()
