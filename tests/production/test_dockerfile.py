"""The images: made by the book, and small because TensorFlow is in none of ours."""

import re
import subprocess
import sys

import pytest

from scripts.image_requirements import LEFT_OUT, image_requirements
from tests.production.compose import DEPLOY, REPOSITORY, program

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.mark.deploy
def test_hadolint_finds_nothing() -> None:
    outcome = subprocess.run(
        [program("hadolint"), str(DEPLOY / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout


def test_no_image_that_runs_is_root() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    named = {re.findall(r" AS (\S+)", stage)[0]: stage for stage in stages}
    for name in ("doublet", "model-server"):
        assert re.findall(r"^USER (\d+)$", named[name], re.MULTILINE) == ["10001"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text()
    let_in = set(re.findall(r"^!(\S+)$", ignore, re.MULTILINE))
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source
            assert source.strip("/").startswith(tuple(let_in)), f"{source} is ignored"


def test_the_image_has_what_its_parts_import_and_no_more() -> None:
    """Each part is imported whole, with what the image leaves out made impossible to import."""
    requirements = image_requirements(
        (REPOSITORY / "pyproject.toml").read_text(),
        (REPOSITORY / "requirements.lock").read_text(),
    )
    packages = set(re.findall(r"^([a-z0-9._-]+)(?:\[.*])?==", requirements, re.MULTILINE))
    assert {"kafka-python", "psycopg-binary", "obstore", "streamlit", "uvicorn"} <= packages
    assert not packages & (LEFT_OUT | {"pytest", "mypy", "jax", "playwright", "scipy"})
    assert requirements.count("--hash=") >= len(packages)
    script = """
import importlib, sys
from importlib.metadata import packages_distributions
kept = set(sys.argv[1].split(","))
ours = {"consumers", "producers", "dashboard", "serving", "infra", "doublet"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        homes = {home.lower().replace("_", "-") for home in HOMES.get(top, ())}
        if homes and top not in ours and not homes & kept:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)
HOMES = packages_distributions()
sys.meta_path.insert(0, Refuse())
for part in ("consumers.__main__", "producers.__main__", "dashboard.server", "infra.commands",
             "producers.commands", "dashboard.commands", "consumers.commands"):
    importlib.import_module(part)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script, ",".join(packages)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert outcome.returncode == 0, outcome.stderr
