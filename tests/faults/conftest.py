"""Where things are broken: our topics on a broker, and a drill that watches the books."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infra.database.engine import Database
from tests.consumers.consuming import Site, site_on
from tests.faults.drills import Drill
from tests.fixtures.brokers import FORMS, BrokerFactory, LocalBroker
from tests.fixtures.gamedays import FOUND
from tests.fixtures.proxies import Proxy

BROKERS = {"apache": "Apache Kafka", "embedded": "embedded"}


@dataclass(frozen=True)
class Kafka:
    """A broker whose clients all come through a proxy; a test may break both."""

    broker: LocalBroker
    way: Proxy

    def mend(self) -> None:
        self.way.heal()
        if self.broker.process.poll() is not None:
            self.broker.start()


@pytest.fixture(scope="session", params=FORMS)
def one_kafka(
    request: pytest.FixtureRequest,
    new_broker: BrokerFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kafka]:
    broker = new_broker(request.param, tmp_path_factory.mktemp(request.param))
    way = Proxy(broker.port)
    broker.way = way.port
    broker.start()
    yield Kafka(broker, way)
    way.close()
    broker.kill()


@pytest.fixture
def kafka(one_kafka: Kafka) -> Iterator[Kafka]:
    """Whole again after the test."""
    yield one_kafka
    one_kafka.mend()


@contextmanager
def whole_site(kafka: Kafka, database: Database, folder: Path) -> Iterator[Site]:
    """Our topics there, and a consumer that writes results and dead letters on them."""
    with site_on(kafka.broker, database, folder) as site:
        site.world.pipeline = replace(site.world.pipeline, events=site.events)
        yield site
        kafka.mend()


@pytest.fixture
def site(kafka: Kafka, sqlite: Database, tmp_path: Path) -> Iterator[Site]:
    """With a database of its own."""
    with whole_site(kafka, sqlite, tmp_path) as site:
        yield site


@pytest.fixture
def drill(request: pytest.FixtureRequest) -> Callable[[Site], Drill]:
    """Begins a drill that is named after its test, and reported."""

    def begin(site: Site) -> Drill:
        test = request.node.name
        fault = request.node.originalname.removeprefix("test_").replace("_", " ")
        form = "apache" if "apache" in test else "embedded"
        return Drill(test, fault, BROKERS[form], site, request.config.stash[FOUND])

    return begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of each form waits for its broker and may wait for the model server."""
    for item in items:
        here = item.path.parent == Path(__file__).parent
        if here and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))
