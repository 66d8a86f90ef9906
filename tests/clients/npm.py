"""What the tests need from npm, at the versions of package-lock.json."""

import shutil
import subprocess
from pathlib import Path

import pytest

_LOCKED = ("package.json", "package-lock.json")


def modules(folder: Path) -> Path:
    """The folder ``node_modules``, fetched where it is not there yet; skips where it cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt install nodejs npm)")
    here = Path(__file__).parent
    fetched = folder / "node_modules"
    if not (fetched.is_dir() and all(_same(here / name, folder / name) for name in _LOCKED)):
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)],
            capture_output=True,
            text=True,
            cwd=_copied(here, folder),
        )
        if done.returncode != 0:
            shutil.rmtree(fetched, ignore_errors=True)
            pytest.skip(f"npm cannot fetch the packages: {done.stderr.strip()[-200:]}")
    return fetched


def _copied(here: Path, folder: Path) -> Path:
    for name in _LOCKED:
        shutil.copyfile(here / name, folder / name)
    return folder


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()
