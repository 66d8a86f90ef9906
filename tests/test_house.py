"""The rules of the house that a machine can keep."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

ARROWS = {
    "dashboard": {"producers", "serving", "infra"},
    "producers": {"infra"},
    "consumers": {"serving", "infra"},
    "serving": {"infra"},
    "training": {"serving", "infra"},
    "infra": set(),
}
"""What each room may import of the others."""


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", sorted(ARROWS))
def test_the_arrows_between_the_rooms(room: str) -> None:
    allowed = ARROWS[room] | {room}
    for file in (REPOSITORY / room).rglob("*.py"):
        rooms = {name.partition(".")[0] for name in imports(file)} & (ARROWS.keys() | {"tests"})
        assert rooms <= allowed, f"{file.relative_to(REPOSITORY)} imports {rooms - allowed}"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("consumers.__main__", {"tensorflow", "keras", "streamlit", "opentelemetry"}),
        ("producers.__main__", {"tensorflow", "keras", "streamlit", "opentelemetry"}),
        ("infra.stack.up", {"tensorflow", "keras", "streamlit"}),
        ("doublet", {"tensorflow", "keras", "streamlit", "kafka", "sqlalchemy"}),
    ],
)
def test_what_starts_often_imports_nothing_heavy(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(*(set(sys.modules) & {heavy!r}))"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert found.stdout.split() == []


def test_no_file_holds_two_nouns() -> None:
    """400 lines are where a second noun is looked for."""
    for room in [*ARROWS, "tests"]:
        for file in (REPOSITORY / room).rglob("*.py"):
            lines = len(file.read_text().splitlines())
            assert lines <= 400 or file.name.endswith("_pb2.py"), f"{file} has {lines} lines"
