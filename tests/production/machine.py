"""A machine without containers on which the services of the compose file find what they name.

Each service has a loopback address of its own in place of its name, and folders in place of its
volumes. Ports, commands and variables are taken from the file as they are, word for word.
"""

import os
import random
import re
import sys
from pathlib import Path

from tests.fixtures.databases import find_binaries
from tests.fixtures.s3_gateways import go_programs
from tests.production.compose import DEPLOY, REPOSITORY, Compose, Service


class Machine:
    """Translates what the file says into what is true here."""

    def __init__(self, root: Path, compose: Compose) -> None:
        """All folders are made below ``root``, where ``root/secrets`` lies already."""
        self.root = root
        self._addresses: dict[str, str] = {}
        network = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        for number, service in enumerate(compose.services.values(), start=1):
            inside = (service.declared.get("networks") or {}).get("inside") or {}
            for name in (service.name, *inside.get("aliases", ())):
                self._addresses[name] = f"{network}.{number}"
        for file in (root / "secrets").iterdir():
            file.write_text(self._named(file.read_text()))

    def address(self, service: Service) -> str:
        """Where the service listens."""
        return self._addresses[service.name]

    def translate(self, service: Service, text: str) -> str:
        """A word of the file, with this machine's addresses and folders in it."""
        own = self.address(service)
        text = re.sub(r"\blocalhost\b|\b0\.0\.0\.0\b", own, self._named(text))
        text = re.sub(r"^:(?=\d+$)", f"{own}:", text)  # `:7070` means every address
        for path, there in self._paths(service).items():
            text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w-])", str(there), text)
        return text

    def words(self, service: Service, command: list[str]) -> list[str]:
        """The same for a command."""
        return [self.translate(service, word) for word in command]

    def environment(self, service: Service) -> dict[str, str]:
        """The service's variables, and those that its image brings."""
        temporary = self.folder(service, "tmp")
        postgres = find_binaries()
        folders = [Path(sys.executable).parent, postgres, go_programs(), Path("/usr/bin")]
        return {
            "PATH": os.pathsep.join(str(folder) for folder in folders if folder),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONSAFEPATH": "1",
            "LANG": "C.UTF-8",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "DOUBLET_HOME": str(temporary / "doublet"),
            # No address of NASA's is asked in a test: nothing listens here.
            "APOD_V2_URL": "http://127.0.0.1:9/apod-basic",
            **{name: self.translate(service, text) for name, text in service.environment.items()},
        }

    def folder(self, service: Service, name: str) -> Path:
        """A folder of the service's own."""
        folder = self.root / service.name / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def volume(self, name: str) -> Path:
        """The folder in place of a named volume."""
        folder = self.root / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _named(self, text: str) -> str:
        for name, address in self._addresses.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?=:\d)", address, text)
        return text

    def _paths(self, service: Service) -> dict[str, Path]:
        paths = {f"/run/secrets/{name}": self.root / "secrets" / name for name in service.secrets}
        for mounted in service.volumes:
            if mounted["type"] == "volume" and mounted.get("source"):
                paths[mounted["target"]] = self.volume(mounted["source"])
        # What the Dockerfile puts into the model server's image.
        paths["/config"] = DEPLOY / "model-server"
        return paths
