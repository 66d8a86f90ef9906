"""The pages read what the first version of Doublet wrote."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage
from tests.fixtures.released_schemas import SCHEMAS, at_schema


@pytest.mark.parametrize("page", ["now", "pictures", "apod", "trouble", "models"])
def test_pages_show_what_the_first_version_wrote(
    page: str, configure: Callable[..., Settings], open_page: OpenPage, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/doublet.sqlite")
    at_schema(database, SCHEMAS[0])
    upgrade(database)
    database.close()
    configure()
    open_page(page)
