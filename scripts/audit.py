"""Asks PyPI's advisories about every locked package: `make audit`.

pip-audit says "No known vulnerabilities found" where it could ask about nothing. Here that is an
outcome of its own: exit code 0 is that all were asked about and none is vulnerable, 1 that one is,
3 that some could not be asked about and of the others none is.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
SOUND, VULNERABLE, NOT_ASKED = 0, 1, 3


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit code and the lines for a report of pip-audit's."""
    packages = report["dependencies"]
    found = [
        f"{it['name']} {it['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for it in packages
        for flaw in it.get("vulns", ())
    ]
    skipped = [it["name"] for it in packages if "skip_reason" in it]
    asked = len(packages) - len(skipped)
    lines = [*found, f"{asked} of {len(packages)} packages audited, {len(found)} flaws"]
    if skipped or not packages:
        lines.append(f"NOT AUDITED: the advisories cannot be had here: {len(skipped)} packages")
    if found:
        return VULNERABLE, lines
    return (NOT_ASKED if skipped or not packages else SOUND), lines


def main() -> int:
    """Run pip-audit over the lock."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"]
    command += ["--requirement", str(LOCK), "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        print(f"NOT AUDITED: pip-audit failed: {last}")  # noqa: T201
        return NOT_ASKED
    code, lines = verdict(report)
    print("\n".join(lines))  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
