"""The world that records travel through."""

from pathlib import Path

import pytest

from infra.database.engine import Database
from tests.consumers.world import World


@pytest.fixture
def world(sqlite: Database, tmp_path: Path) -> World:
    return World(sqlite, tmp_path / "blobs")
