"""Prometheus' and Grafana's configurations are right, and speak of what there is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import serving.metrics
from consumers.metrics import CONSUMER
from dashboard.metrics import DASHBOARD
from infra.database.models import AlertKind
from infra.metrics import INFO, Declared
from infra.settings import Settings
from producers.metrics import SCHEDULER

REPOSITORY = Path(__file__).parents[3]
DEPLOY = REPOSITORY / "infra" / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
UNIT_TESTS = Path(__file__).parent / "alerts_test.yml"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

DECLARED: Sequence[Declared] = [
    *CONSUMER.declared,
    *SCHEDULER.declared,
    *DASHBOARD.declared,
    *serving.metrics.DECLARED,
]
PROMETHEUS_OWN = {"up", "process_resident_memory_bytes"}
"""What no room of ours declares."""
FUNCTIONS = re.compile(r"\b(by|without|on|or|and|vector|[a-z_0-9]+(?=\s*\())")
NAME = re.compile(r"[a-z:][a-z0-9_:]*")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    return found


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """All rules of a kind (``alert`` or ``record``), by name."""
    groups = [
        group
        for file in (CONFIG.parent / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
    ]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def metrics_in(expression: str) -> set[str]:
    """The metrics that a query asks for."""
    bare = re.sub(
        r"\b(?:by|without|on) \([^)]*\)", "", re.sub(r"\{[^}]*\}|\[[^]]*\]", "", expression)
    )
    return set(NAME.findall(FUNCTIONS.sub("", bare)))


def known() -> set[str]:
    """Every name that a query may ask for."""
    names = {INFO, *PROMETHEUS_OWN, *rules("record")}
    for metric in DECLARED:
        histogram = metric.kind == "histogram"
        names |= (
            {metric.name + end for end in ("_bucket", "_sum", "_count")}
            if histogram
            else {metric.name}
        )
    return names


def queries() -> Iterator[tuple[str, str]]:
    """Each query of rules and dashboards, with the place where it stands."""
    for kind in ("alert", "record"):
        yield from ((name, rule["expr"]) for name, rule in rules(kind).items())
    for file in BOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.name}: {panel['title']}", target["expr"]


@pytest.mark.prometheus
def test_the_configuration_is_valid(promtool: str) -> None:
    checked = subprocess.run(
        [promtool, "check", "config", str(CONFIG)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_model_server_is_scraped_where_it_shows_its_metrics() -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load(CONFIG.read_text())["scrape_configs"]}
    assert jobs["model-server"]["metrics_path"] == serving.metrics.PATH


def test_the_rules_know_every_part_by_its_job() -> None:
    """And no job of somebody else's, where Prometheus watches others as well."""
    jobs = {job["job_name"] for job in yaml.safe_load(CONFIG.read_text())["scrape_configs"]}
    [parts] = re.findall(r'job=~"([^"]*)"', rules("alert")["DoubletPartDown"]["expr"])
    assert set(parts.split("|")) == jobs


@pytest.mark.prometheus
def test_every_alert_fires_and_does_not_fire_as_its_cases_say(promtool: str) -> None:
    checked = subprocess.run(
        [promtool, "test", "rules", str(UNIT_TESTS)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [
        case
        for test in yaml.safe_load(UNIT_TESTS.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    for fires in (True, False):
        tried = {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires}
        assert tried == rules("alert").keys(), f"fires: {fires}"


def test_every_recorded_rule_has_a_case() -> None:
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    tried = {case["expr"] for test in tests for case in test.get("promql_expr_test", [])}
    assert tried == rules("record").keys()


def test_what_is_asked_for_is_declared() -> None:
    asked = list(queries())
    assert len(asked) > 40
    for where, expression in asked:
        names = metrics_in(expression)
        assert names, f"{where}: no metric is found in {expression}"
        assert names <= known(), f"{where} asks for {names - known()}"


def test_what_is_declared_is_looked_at() -> None:
    asked = {name for _, expression in queries() for name in metrics_in(expression)}
    for metric in DECLARED:
        names = {metric.name + end for end in ("", "_bucket", "_sum", "_count")}
        assert names & asked, f"no rule and no dashboard shows {metric.name}"


@pytest.mark.parametrize(
    ("alert", "setting", "factor"),
    [
        ("DoubletLag", "alert_lag_seconds", 1),
        ("DoubletWaiting", "alert_waiting_seconds", 1),
        ("DoubletDeadLettersRising", "alert_dead_letters_per_hour", 1),
        ("DoubletApodDayLate", "alert_apod_late_hours", 3600),
        ("DoubletDiskNearlyFull", "alert_disk_free_percent", 1),
    ],
)
def test_prometheus_and_the_pages_have_the_same_thresholds(
    alert: str, setting: str, factor: int
) -> None:
    threshold = re.split(r" [<>] ", rules("alert")[alert]["expr"])[-1]
    numbers = [float(number) for number in threshold.split(" * ")]
    product = numbers[0] * (numbers[1] if len(numbers) == 2 else 1)
    assert product == Settings.model_fields[setting].default * factor


def test_prometheus_has_every_alert_of_the_pages() -> None:
    kinds = [rule["labels"].get("kind") for rule in rules("alert").values()]
    assert sorted(filter(None, kinds)) == sorted(kind.value for kind in AlertKind)


def test_every_alert_has_its_runbook() -> None:
    page = (REPOSITORY / "docs" / "monitoring.md").read_text()
    told = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert sorted(told) == sorted(rules("alert"))
    for name, rule in rules("alert").items():
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    boards = [json.loads(file.read_text()) for file in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) >= 2
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        for panel in board["panels"]:
            assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
