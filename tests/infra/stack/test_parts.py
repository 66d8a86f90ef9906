"""Which parts the stack starts, by the settings."""

from pathlib import Path

import pytest

from infra.database.engine import Database
from infra.settings import Settings
from infra.stack.parts import workers


@pytest.mark.parametrize("watch_folder", ["", "/pictures"])
def test_a_folder_is_watched_where_one_is_named(
    watch_folder: str, sqlite: Database, tmp_path: Path
) -> None:
    settings = Settings(doublet_home=tmp_path, watch_folder=watch_folder, _env_file=None)
    names = {part.name for part in workers(settings, sqlite)}
    assert names - {"folder watch"} == {"consumer", "scheduler", "dashboard"}
    assert ("folder watch" in names) == bool(watch_folder)
