"""The compose file as Docker Compose itself understands it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "infra" / "deploy"


def program(name: str) -> str:
    """Where a program of tools.lock is; skips where it is not installed."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which(name, path=folders) or pytest.skip(f"{name} is not installed: tools.lock")


@dataclass(frozen=True)
class Service:
    """One service, all of its references and variables resolved."""

    name: str
    declared: dict[str, Any]

    @cached_property
    def environment(self) -> dict[str, str]:
        """Its variables; a value of none is an empty one."""
        return {name: value or "" for name, value in self.declared.get("environment", {}).items()}

    @cached_property
    def command(self) -> list[str]:
        """Entrypoint and command as the container's engine sees them."""
        return [
            word.replace("$$", "$")
            for word in [
                *(self.declared["entrypoint"] or []),
                *(self.declared["command"] or []),
            ]
        ]

    @cached_property
    def health_check(self) -> list[str]:
        """The command whose exit code 0 says that it is well; empty: there is none."""
        test: list[str] = self.declared.get("healthcheck", {}).get("test", [])
        assert test[:1] in ([], ["CMD"]), "a shell is not in every image"
        return [word.replace("$$", "$") for word in test[1:]]

    @cached_property
    def needs(self) -> dict[str, str]:
        """The services that must be there first, and in what condition."""
        return {name: how["condition"] for name, how in self.declared.get("depends_on", {}).items()}

    @cached_property
    def secrets(self) -> list[str]:
        """Names of the files that it finds in /run/secrets."""
        return [secret["source"] for secret in self.declared.get("secrets", [])]

    @cached_property
    def volumes(self) -> list[dict[str, Any]]:
        """What is mounted: a folder of the host (`bind`) or a volume, named or its own."""
        mounted: list[dict[str, Any]] = self.declared.get("volumes", [])
        return mounted


@dataclass(frozen=True)
class Compose:
    """The whole file, for one profile."""

    services: dict[str, Service]
    secrets: dict[str, Any]


def read_compose(profile: str, **environment: str) -> Compose:
    """What `docker compose config` makes of it; a mistake in it fails the test.

    Docker Compose is one program and needs no engine for this.
    """
    command = [
        program("docker-compose"),
        "--file",
        str(DEPLOY / "compose.yaml"),
        "--profile",
        profile,
    ]
    outcome = subprocess.run(
        [*command, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": "/nonexistent", **environment},
    )
    assert outcome.returncode == 0, outcome.stderr
    assert not outcome.stderr, outcome.stderr
    document = json.loads(outcome.stdout)
    services = {name: Service(name, service) for name, service in document["services"].items()}
    return Compose(services, document["secrets"])
