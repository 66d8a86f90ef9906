"""Writes what Doublet is made of as CycloneDX, and proves that nothing is left out: `make sbom`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
LOCK = REPOSITORY / "requirements.lock"
SBOM = REPOSITORY / "build" / "sbom.json"

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked(text: str) -> dict[tuple[str, str], set[str]]:
    """Name and version of every package of a lock file, with its files' hashes."""
    starts = [*_PIN.finditer(text)]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {
        (start[1], start[2]): set(_HASH.findall(text, start.end(), end))
        for start, end in zip(starts, ends, strict=True)
    }


def left_out(lock: str, sbom: dict[str, Any]) -> list[str]:
    """The packages of a lock file that a CycloneDX document lacks, or has without their hashes."""
    listed = {
        (it["name"], it["version"]): {
            found["content"]
            for reference in it.get("externalReferences", ())
            for found in reference.get("hashes", ())
        }
        for it in sbom["components"]
    }
    return [
        f"{name} {version}"
        for (name, version), hashes in locked(lock).items()
        if not hashes or not hashes <= listed.get((name, version), set())
    ]


def main() -> int:
    """Write it; 1 where a locked package is not in it with every hash."""
    SBOM.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCK)]
    command += ["--output-format", "JSON", "--output-file", str(SBOM), "--output-reproducible"]
    subprocess.run([*command, "--pyproject", str(REPOSITORY / "pyproject.toml")], check=True)
    lock = LOCK.read_text()
    if missing := left_out(lock, json.loads(SBOM.read_text())):
        print("left out of the SBOM: " + ", ".join(missing))  # noqa: T201
        return 1
    print(f"{SBOM.relative_to(REPOSITORY)}: {len(locked(lock))} packages")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
