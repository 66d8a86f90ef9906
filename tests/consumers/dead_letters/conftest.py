"""A real broker and a real database, where records die and are sent again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import settings
from tests.consumers.dead_letters.yard import Yard
from tests.fixtures.brokers import LocalBroker


@pytest.fixture
def yard(
    private_broker: LocalBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Yard]:
    for name, value in Yard.environment(private_broker, tmp_path).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yard = Yard(private_broker, settings())
    yield yard
    yard.close()
    settings.cache_clear()
