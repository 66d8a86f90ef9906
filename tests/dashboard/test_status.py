"""The command `doublet status`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from dashboard.commands import commands
from infra.blobs import open_blob_store
from infra.database.engine import Database, DatabaseUnavailable, TablesMissing
from infra.database.models import Delivery
from infra.settings import Settings
from tests.dashboard.conftest import accept
from tests.dashboard.seeding import Seed, seed
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import RunningModelServer


def test_what_is_away_is_said_and_the_exit_code_is_one(seeded: Seed) -> None:
    answer = CliRunner().invoke(commands)
    assert answer.exit_code == 1
    assert "nothing listens at" in answer.output
    assert "not checked while Kafka is away" in answer.output
    assert "not all is well" in answer.output


def test_all_is_well_and_a_difference_is_not(
    configure: Callable[..., Settings],
    sqlite: Database,
    kafka: LocalBroker,
    embedded_model_server: RunningModelServer,
) -> None:
    current = configure(
        KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap, MODEL_SERVER=embedded_model_server.address
    )
    accept(current, seed(sqlite, open_blob_store(current), datetime.now(UTC)))

    answer = CliRunner().invoke(commands, ["--json"])
    document = json.loads(answer.output)
    assert answer.exit_code == 0, document
    assert document["well"] is True
    assert document["books"]["accepted"] == 13
    assert document["books"]["difference"] == 0
    assert {part["name"] for part in document["parts"]} >= {"Kafka", "model server", "consumer"}
    assert "all is well" in CliRunner().invoke(commands).output

    with sqlite.transaction() as session:
        session.delete(session.get_one(Delivery, ("doublet.apod.v1", 0, 0)))
    answer = CliRunner().invoke(commands)
    assert answer.exit_code == 1
    assert "difference 1" in answer.output


def test_without_tables_or_database_it_is_one_line(
    configure: Callable[..., Settings], away: Settings
) -> None:
    answer = CliRunner().invoke(commands)
    assert isinstance(answer.exception, TablesMissing)
    configure(DATABASE_URL="postgresql+psycopg://doublet@127.0.0.1:1/doublet")
    answer = CliRunner().invoke(commands)
    assert isinstance(answer.exception, DatabaseUnavailable)


@pytest.mark.parametrize("option", ["--help"])
def test_help_says_what_the_exit_code_means(option: str) -> None:
    assert "exit code is 0 if every part is well" in CliRunner().invoke(commands, [option]).output
