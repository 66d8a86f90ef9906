"""The pages that are made from the code are up to date, and say something of everything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import Settings
from scripts.docs import DOCS, PAGES

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_setting_is_described() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []


def test_every_setting_is_used() -> None:
    """No setting for later."""
    rooms = ("consumers", "dashboard", "infra", "producers", "serving")
    files = [file for room in rooms for file in (REPOSITORY / room).rglob("*.py")]
    for name in Settings.model_fields:
        use = re.compile(rf"(settings|settings\(\)|current)\.{name}\b")
        within = re.compile(rf"self\.{name}\b")
        used = any(
            (within if file.name == "settings.py" else use).search(file.read_text())
            for file in files
        )
        assert used, f"nothing reads {name.upper()}"


def test_every_dependency_has_its_reason() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    reasons = (REPOSITORY / "CONTRIBUTING.md").read_text()
    names = re.findall(
        r'^    "([A-Za-z0-9-]+)(?:\[[^]]*\])?(?:[><=,].*)?",$', project, re.MULTILINE
    )
    assert len(names) > 25
    for name in names:
        assert f"| {name} |" in reasons, f"CONTRIBUTING.md gives no reason for {name}"


def test_every_test_that_the_guarantees_name_exists() -> None:
    defined = {
        name
        for file in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    scenarios = (DOCS / "guarantees.md").read_text().split("\n### ")[1:]
    assert len(scenarios) >= 10
    for scenario in scenarios:
        named = re.findall(r"`(test_\w+)`", scenario)
        assert named, f"{scenario.splitlines()[0]}: no test is named"
        assert set(named) <= defined, set(named) - defined


def test_links_lead_somewhere() -> None:
    for page in [*REPOSITORY.glob("*.md"), *DOCS.glob("*.md"), *REPOSITORY.glob("*/models/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_that_the_readme_names_exists() -> None:
    text = (REPOSITORY / "README.md").read_text()
    commands = sorted(
        set(re.findall(r"^(?:\$ )?doublet ([a-z]+(?: (?:fetch|upgrade))?)", text, re.MULTILINE))
    )
    assert len(commands) >= 4
    for command in commands:
        run = [sys.executable, "-m", "doublet", *command.split(), "--help"]
        assert subprocess.run(run, capture_output=True, cwd=REPOSITORY).returncode == 0, command


def test_every_verb_that_the_readme_names_is_in_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for verb in re.findall(r"\bmake ([a-z]+)", (REPOSITORY / "README.md").read_text()):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb


@pytest.mark.parametrize("page", [DOCS / "guarantees-intake.md", REPOSITORY / "SECURITY.md"])
def test_every_test_that_a_table_names_exists(page: Path) -> None:
    named = named_tests(page.read_text())
    assert len(named) >= 25
    for file, name in named:
        assert f"def {name}" in (REPOSITORY / "tests" / file).read_text(), f"{file} has no {name}"


def test_every_threat_names_the_test_that_shows_what_stops_it() -> None:
    table = (REPOSITORY / "SECURITY.md").read_text().partition("## Who")[2].partition("\n## ")[0]
    threats = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(threats) >= 15
    for threat in threats:
        assert named_tests(threat), threat


def named_tests(text: str) -> list[tuple[str, str]]:
    """File and, where one is named, function."""
    return re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", text)
