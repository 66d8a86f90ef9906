"""Alerts: raised, cleared by what has passed or by a person, and listed for both."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import infra.commands
from infra.alerts import Alerts, Findings, open_alerts, past_alerts
from infra.database.engine import Database
from infra.database.models import AlertKind
from infra.settings import Settings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def details(database: Database) -> list[str]:
    with database.reading() as session:
        return [alert.detail for alert in open_alerts(session)]


def test_what_has_passed_clears_its_own_alerts_alone(database: Database) -> None:
    alerts = Alerts(database, clock=lambda: NOON)
    alerts.raise_alert(AlertKind.STALLED, "uploads 0", "stood")
    alerts.raise_alert(AlertKind.STALLED, "uploads 1", "stood as well")
    alerts.raise_alert(AlertKind.DELETED, "uploads 0", "gone")
    alerts.clear(AlertKind.STALLED, "uploads 0")
    assert details(database) == ["stood as well", "gone"]


def test_the_command_lists_and_clears(
    sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = Settings(_env_file=None, database_url=str(sqlite.engine.url))
    monkeypatch.setattr(infra.commands, "settings", lambda: current)
    Alerts(sqlite, clock=lambda: NOON).raise_alert(AlertKind.DELETED, "uploads 0", "gone")
    run = CliRunner()

    listed = run.invoke(infra.commands.commands, ["alerts"])
    assert listed.exit_code == 1
    assert listed.output == "1  2026-11-23 12:00:00 UTC  deleted  uploads 0: gone\n"
    [row] = json.loads(run.invoke(infra.commands.commands, ["alerts", "--json"]).output)
    assert (row["id"], row["kind"], row["raised_at"]) == (1, "deleted", NOON.isoformat())

    unknown = run.invoke(infra.commands.commands, ["alerts", "--clear", "7"])
    assert unknown.exit_code == 1
    assert run.invoke(infra.commands.commands, ["alerts", "--clear", "1"]).exit_code == 0
    assert run.invoke(infra.commands.commands, ["alerts"]).output == ""


def test_what_was_cleared_says_by_whom(database: Database) -> None:
    alerts = Alerts(database, clock=lambda: NOON)
    alerts.raise_alert(AlertKind.STALLED, "uploads 0", "stood")
    alerts.raise_alert(AlertKind.DELETED, "uploads 0", "gone")
    alerts.clear(AlertKind.STALLED, "uploads 0")
    with database.reading() as session:
        [left] = open_alerts(session)
    assert alerts.acknowledge(left.id)
    with database.reading() as session:
        past = past_alerts(session, limit=10)
    assert [(alert.detail, alert.acknowledged) for alert in past] == [
        ("gone", True),
        ("stood", False),
    ]


def test_findings_stand_while_they_are_found_and_no_longer(database: Database) -> None:
    alerts = Alerts(database, clock=lambda: NOON)
    mine = Findings(alerts, AlertKind.DISK, "consumer: ")
    Findings(alerts, AlertKind.DISK, "consumer-2: ").tell({"consumer-2: blobs": "of another one"})
    mine.tell({"consumer: blobs": "4 % left", "consumer: scratch": "1 % left"})
    mine.tell({"consumer: blobs": "3 % left"})
    assert details(database) == ["of another one", "3 % left"]
    # One that was started anew clears what its forerunner told of, and nobody else's.
    Findings(alerts, AlertKind.DISK, "consumer: ").tell({})
    assert details(database) == ["of another one"]


def test_a_finding_that_was_acknowledged_is_raised_anew_only_after_it_had_passed(
    database: Database,
) -> None:
    alerts = Alerts(database, clock=lambda: NOON)
    findings = Findings(alerts, AlertKind.LAG)
    findings.tell({"uploads 0": "5 min"})
    with database.reading() as session:
        [raised] = open_alerts(session)
    assert alerts.acknowledge(raised.id)
    findings.tell({"uploads 0": "6 min"})
    assert details(database) == []
    findings.tell({})
    findings.tell({"uploads 0": "7 min"})
    assert details(database) == ["7 min"]
