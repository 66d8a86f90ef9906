"""The images: made by the book, and small because TensorFlow is in none of ours."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from scripts.image_requirements import LEFT_OUT, image_requirements
from tests.production.compose import DEPLOY, REPOSITORY, program

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
STAGES = {
    re.findall(r" AS (\S+)", stage)[0]: stage
    for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
}


def variables(stage: str) -> dict[str, str]:
    """What a stage's ENV sets."""
    lines = STAGES[stage].replace("\\\n", " ")
    words = [shlex.split(given) for given in re.findall(r"^ENV (.*)$", lines, re.MULTILINE)]
    return dict(word.split("=", 1) for given in words for word in given)


class Image:
    """Our packages as the image has them, and this environment's for those that it installs.

    What the Dockerfile copies is installed from a folder of its own, and Python starts without
    `site`: the repository, which is installed here too, cannot be imported.
    """

    def __init__(self, folder: Path) -> None:
        self.packages = folder / "packages"
        copied = folder / "build"
        for line in re.findall(r"^COPY (.*)$", STAGES["environment"], re.MULTILINE):
            *sources, target = line.split()
            for source in sources:
                self._copy(REPOSITORY / source, copied / target)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        install += ["--no-build-isolation", "--target", str(self.packages), str(copied)]
        subprocess.run(install, check=True)
        shutil.rmtree(self.packages / "serving" / "models")  # as the Dockerfile does

    def python(
        self, folder: Path, *words: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """What `python WORDS…` says, started in a folder that anybody may write to."""
        its_own = {n: v for n, v in variables("doublet").items() if n.startswith("PYTHON")}
        path = os.pathsep.join([str(self.packages), sysconfig.get_path("purelib")])
        return subprocess.run(
            [sys.executable, "-S", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={"PYTHONPATH": path, "DOUBLET_HOME": str(folder), **its_own, **environment},
        )

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


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
    for name in ("doublet", "model-server"):
        assert re.findall(r"^USER (\d+)$", STAGES[name], re.MULTILINE) == ["10001"]


def test_the_command_line_works_in_the_image(image: Image, tmp_path: Path) -> None:
    """The migrations are its commands. There is no trainer, and so none of the trainer's."""
    assert image.python(tmp_path, "-c", "import training").returncode != 0
    script = str(image.packages / "bin" / "doublet")
    for command in (["-m", "doublet"], [script]):
        helped = image.python(tmp_path, *command, "--help")
        assert helped.returncode == 0, helped.stderr
        assert "submit" in helped.stdout
        assert "scoreboard" not in helped.stdout
    upgraded = image.python(tmp_path, script, "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert list(tmp_path.glob("*.sqlite"))


@pytest.mark.parametrize("part", ["consumers", "producers", "dashboard"])
def test_nothing_is_imported_or_set_from_where_everybody_may_write(
    image: Image, tmp_path: Path, part: str
) -> None:
    (tmp_path / "infra.py").write_text("raise SystemExit('imported from the scratch folder')")
    started = image.python(tmp_path, "-m", part, LOG_LEVEL="unheard of")
    assert "the setting LOG_LEVEL is not usable" in started.stderr
    # A file `.env` is read from the folder that a part starts in.
    assert re.findall(r"^WORKDIR (.*)$", STAGES["doublet"], re.MULTILINE) == ["/"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text()
    let_in = set(re.findall(r"^!(\S+)$", ignore, re.MULTILINE))
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source
            assert source.strip("/").startswith(tuple(let_in)), f"{source} is ignored"


def test_the_image_has_what_its_parts_import_and_no_more(image: Image, tmp_path: Path) -> None:
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
ours = {"consumers", "producers", "dashboard", "serving", "infra", "doublet", "training"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        homes = {home.lower().replace("_", "-") for home in HOMES.get(top, ())}
        if homes and top not in ours and not homes & kept:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)
HOMES = packages_distributions()
sys.meta_path.insert(0, Refuse())
for part in ("consumers.__main__", "producers.__main__", "dashboard.server", "infra.commands",
             "producers.commands", "dashboard.commands", "consumers.commands", "doublet"):
    importlib.import_module(part)
"""
    outcome = image.python(tmp_path, "-c", script, ",".join(packages))
    assert outcome.returncode == 0, outcome.stderr
