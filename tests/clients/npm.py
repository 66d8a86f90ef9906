"""What the tests need from npm, at the versions of package-lock.json."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_LOCKED = ("package.json", "package-lock.json")


def modules(folder: Path) -> Path:
    """The folder ``node_modules``, fetched where it is not there yet; skips where it cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt install nodejs npm)")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run on every core
        if not _is_fetched(folder):
            _fetch(folder)
    return folder / "node_modules"


def _is_fetched(folder: Path) -> bool:
    same = all(
        (folder / name).exists() and (folder / name).read_bytes() == (_HERE / name).read_bytes()
        for name in _LOCKED
    )
    return same and (folder / "node_modules").is_dir()


def _fetch(folder: Path) -> None:
    for name in _LOCKED:
        shutil.copyfile(_HERE / name, folder / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        pytest.skip(f"npm cannot fetch the packages: {done.stderr.strip()[-200:]}")
