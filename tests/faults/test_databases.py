"""The database is locked, away, and full."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, event, make_url, text

from infra.books import Account
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Delivery
from tests.consumers.consuming import Site, wait_until
from tests.faults.conftest import Kafka, whole_site
from tests.faults.drills import Drill
from tests.faults.lengths import lasting
from tests.fixtures.proxies import Proxy

LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "LOCK TABLE deliveries"}


@pytest.fixture
def any_site(kafka: Kafka, database: Database, tmp_path: Path) -> Iterator[Site]:
    """On both databases."""
    with whole_site(kafka, database, tmp_path) as site:
        yield site


@lasting(2, gameday=30)
def test_the_database_is_locked(
    any_site: Site, database_url: str, drill: Callable[[Site], Drill], seconds: float
) -> None:
    site, lock = any_site, drill(any_site)
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with site.consuming(hands=2):
        for side in range(20, 26):
            site.send(site.picture(side))
        with lock.broken(f"{engine.name} is locked"), engine.connect() as another:
            if engine.name == "postgresql":
                another.execute(text("BEGIN"))
            another.execute(text(LOCKS[engine.name]))
            for side in range(30, 36):
                site.send(site.picture(side))
            time.sleep(seconds)
            another.execute(text("ROLLBACK"))
        after = lock.require_recovery()
    engine.dispose()
    assert after == Account(accepted=12, done=12)
    assert {row.attempts for row in site.world.all(Delivery)} == {1}


@pytest.fixture
def way(postgres_server: str) -> Iterator[Proxy]:
    """The way to PostgreSQL."""
    port = make_url(postgres_server).port
    assert port is not None
    with closing(Proxy(port)) as way:
        yield way


@pytest.fixture
def postgres_site(
    kafka: Kafka, postgres_database: str, way: Proxy, tmp_path: Path
) -> Iterator[Site]:
    url = make_url(postgres_database).set(port=way.port)
    database = Database(url.render_as_string(hide_password=False))
    upgrade(database)
    with whole_site(kafka, database, tmp_path) as site:
        yield site
        way.heal()
    database.close()


WAYS: dict[str, Callable[[Proxy], None]] = {
    "is down": Proxy.refuse,
    "cuts every connection": Proxy.cut,
    "does not answer": Proxy.stall,
}


@pytest.mark.postgres
@pytest.mark.parametrize("fault", WAYS)
@lasting(2, gameday=60)
def test_the_database_is_away(
    postgres_site: Site,
    way: Proxy,
    drill: Callable[[Site], Drill],
    fault: str,
    seconds: float,
) -> None:
    site, outage = postgres_site, drill(postgres_site)
    with site.consuming(hands=2):
        for side in range(20, 26):
            site.send(site.picture(side))
        with outage.broken(f"PostgreSQL {fault}"):
            WAYS[fault](way)
            for side in range(30, 36):
                site.send(site.picture(side))
            time.sleep(seconds)
            way.heal()
        after = outage.require_recovery()
    assert after == Account(accepted=12, done=12)


def test_the_database_has_no_room(site: Site, drill: Callable[[Site], Drill]) -> None:
    """SQLite is told that its file may not grow: the error is that of a full disk."""
    full = False

    def confine(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {1 if full else 2**30}")

    outage = drill(site)
    event.listen(site.world.database.engine, "begin", confine)
    with site.consuming(hands=2) as running:
        site.send(site.picture(20))
        wait_until(lambda: site.lag() == 0)
        with outage.broken("the database's disk is full"):
            full = True
            for side in range(21, 60):
                site.send(site.picture(side))
            wait_until(lambda: bool(running.breaker.troubles))
            assert "full" in running.status.condition.detail
            full = False
        after = outage.require_recovery()
    assert after == Account(accepted=40, done=40)
