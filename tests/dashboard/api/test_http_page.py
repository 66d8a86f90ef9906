"""The examples of docs/http.md, cut out of the page and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.api.routes import openapi
from tests.dashboard.api.conftest import Door
from tests.producers.conftest import picture

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text()


def example(having: str) -> str:
    """The page's only shell example that has this in it."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    [found] = [block for block in blocks if having in block]
    return str(found)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_page(door: Door, tmp_path: Path) -> None:
    (tmp_path / "moon.jpg").write_bytes(picture(form="JPEG"))
    programs = tmp_path / "bin"
    programs.mkdir()
    doublet = programs / "doublet"
    doublet.write_text(f'#!/bin/sh\nexec {sys.executable} -m doublet "$@"\n')
    doublet.chmod(0o755)

    def run(having: str, **environment: str) -> str:
        done = subprocess.run(
            ["sh", "-e", "-c", example(having).replace("http://127.0.0.1:8501", door.address)],
            cwd=tmp_path,
            env=os.environ
            | {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(Path(__file__).parents[3]),
                "DATABASE_URL": door.settings.database,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    taken = json.loads(run("curl -s -H 'content-type"))
    events = run("text/event-stream", ID=taken["id"])
    assert "event: progress\n" in events
    assert json.loads(events.strip().splitlines()[-1].removeprefix("data: "))["state"] == "done"
    run("-o moon-doubled.png", ID=taken["id"])
    assert (tmp_path / "moon-doubled.png").read_bytes() == b"moon.jpg, doubled"

    key, line, revoked = run("keys create").splitlines()
    assert key.startswith("doublet_")
    assert line == "telescope: 0 of 500 pictures in 24 hours"
    assert revoked == "telescope: revoked"
    assert json.loads(run("$KEY", KEY=key))["status"] == 401


def test_every_status_is_on_the_page() -> None:
    operations = [operation for path in openapi()["paths"].values() for operation in path.values()]
    statuses = {status for operation in operations for status in operation["responses"]}
    told = set(re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE))
    assert told == {status for status in statuses if status >= "400"}
