"""Real data that is not in the repository: tests that want it are skipped where it is absent."""

import os
from pathlib import Path

import pytest

_BESIDE_US = Path(__file__).parents[2] / "shared" / "data"


def shared_data(folder: str) -> Path:
    """A folder of the data that lie beside the repository, or in DOUBLET_TEST_DATA."""
    path = Path(os.environ.get("DOUBLET_TEST_DATA", _BESIDE_US)) / folder
    if not path.is_dir():
        pytest.skip(f"no {folder} beside the repository (DOUBLET_TEST_DATA names another place)")
    return path
