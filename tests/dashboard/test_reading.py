"""However many pictures there are, no page reads a table from its first row to its last."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from dashboard import standing
from dashboard.probes import KafkaAnswer
from infra.eventlog.offsets import PartitionOffsets
from tests.dashboard.conftest import OpenPage
from tests.dashboard.seeding import Seed

GROWING = ("images", "results", "deliveries", "dead_letters", "lag_samples", "faults")
"""Tables with a row for each picture or moment; `apod_days` has 365 more a year."""

Plan = tuple[str, list[str]]
"""A statement, and how SQLite goes about it."""


@contextmanager
def plans() -> Iterator[list[Plan]]:
    """The plan of every statement that is executed meanwhile."""
    seen: list[Plan] = []

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, *_: object
    ) -> None:
        if statement.startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.append((statement, [row[-1] for row in cursor.fetchall()]))

    event.listen(Engine, "before_cursor_execute", explain)
    yield seen
    event.remove(Engine, "before_cursor_execute", explain)


def whole_tables(plan: Plan) -> list[str]:
    """Steps that read a growing table as a whole.

    Along an index and with a limit, only as many rows are read as are shown.
    """
    statement, steps = plan
    bounded = "LIMIT" in statement and not any("TEMP B-TREE" in step for step in steps)
    scans = [step for step in steps if re.match(rf"SCAN ({'|'.join(GROWING)})\b", step)]
    return [step for step in scans if not (bounded and "USING" in step)]


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("now", {}),
        ("pictures", {}),
        ("pictures", {"state": "done"}),
        ("pictures", {"lane": "apod"}),
        ("pictures", {"lane": "apod", "state": "done"}),
        ("pictures", {"name": "moon"}),
        ("pictures", {"day": "2026-11-23", "state": "done"}),
        ("pictures", {"picture": "1"}),
        ("apod", {}),
        ("apod", {"title": "moon"}),
        ("submit", {}),
        ("trouble", {}),
        ("trouble", {"reason": "failed"}),
        ("models", {}),
    ],
)
@pytest.mark.parametrize("kafka", ["there", "away"])
def test_no_page_reads_a_whole_table(
    kafka: str,
    page: str,
    query: dict[str, str],
    seeded: Seed,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kafka == "there":
        offsets = tuple(
            PartitionOffsets(*at, 0, end, seeded.committed.get(at, 0))
            for at, end in seeded.ends.items()
        )
        monkeypatch.setattr(standing, "ask_kafka", lambda _: KafkaAnswer(offsets))
    with plans() as seen:
        open_page(page, **query)
    assert seen
    found = {
        statement: steps for statement, plan in seen if (steps := whole_tables((statement, plan)))
    }
    assert not found
