"""What Doublet is made of: nothing is left out of the list, and no audit passes unasked."""

from pathlib import Path
from typing import Any

import pytest

from scripts import audit, sbom

LOCK = (Path(__file__).parents[1] / "requirements.lock").read_text()
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"]}


def component(name: str, version: str, hashes: set[str]) -> dict[str, Any]:
    found = [{"alg": "SHA-256", "content": content} for content in hashes]
    return {"name": name, "version": version, "externalReferences": [{"hashes": found}]}


def test_every_locked_package_with_every_hash_is_looked_for() -> None:
    packages = sbom.locked(LOCK)
    assert len(packages) == LOCK.count("==") - LOCK.count(" == ") - LOCK.count("'==")
    assert sum(map(len, packages.values())) == LOCK.count("--hash=")
    whole = [component(*pin, hashes) for pin, hashes in packages.items()]
    assert sbom.left_out(LOCK, {"components": whole}) == []


def test_a_package_or_a_hash_that_is_left_out_is_named() -> None:
    packages = sbom.locked(LOCK)
    whole = [component(*pin, hashes) for pin, hashes in packages.items()]
    (name, version), hashes = next(iter(packages.items()))
    assert sbom.left_out(LOCK, {"components": whole[1:]}) == [f"{name} {version}"]
    fewer = [component(name, version, set(list(hashes)[1:])), *whole[1:]]
    assert sbom.left_out(LOCK, {"components": fewer}) == [f"{name} {version}"]


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], audit.SOUND, "1 of 1 packages audited"),
        ([{"name": "a", "version": "1", "vulns": [FLAW]}], audit.VULNERABLE, "PYSEC-1"),
        ([{"name": "a", "skip_reason": "not found"}], audit.NOT_ASKED, "NOT AUDITED"),
        ([], audit.NOT_ASKED, "NOT AUDITED"),
        (
            [
                {"name": "a", "version": "1", "vulns": [FLAW]},
                {"name": "b", "skip_reason": "not found"},
            ],
            audit.VULNERABLE,
            "NOT AUDITED",
        ),
    ],
)
def test_what_could_not_be_asked_is_no_clean_bill(
    packages: list[dict[str, Any]], code: int, said: str
) -> None:
    found, lines = audit.verdict({"dependencies": packages})
    assert found == code
    assert said in "\n".join(lines)
