"""The report says what was found, and adds up over a day's sessions."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.books import Account
from tests.faults.day import Day, Row, Sample, Soak
from tests.faults.report import written

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROW = Row(
    fault="the broker restarts",
    broker="Apache Kafka",
    broken="the broker is stopped",
    broken_s=60.04,
    before=Account(accepted=6, done=2, in_flight=4),
    after=Account(accepted=12, done=11, dead=1),
    differences=(),
    recovered_s=4.26,
)
SOAK = Soak(
    broker="Apache Kafka",
    load="1 record a second",
    samples=tuple(Sample(10.0 * n, 100 + n, 30, 8, 19, n, 0) for n in range(181)),
    after=Account(accepted=180, done=180),
    differences=(),
)


def test_the_page_says_what_was_broken_and_how_the_books_stood() -> None:
    page = written(NOON, Day(rows={"test_x": ROW}))
    assert "# Game day of 2026-11-25" in page
    assert "None failed when last run." in page
    assert (
        "| the broker restarts | Apache Kafka | the broker is stopped | 60.0 s "
        "| 6 = 2 done + 4 in flight | 12 = 11 done + 1 dead | 0 | 4.3 s |"
    ) in page


def test_what_does_not_balance_and_what_failed_is_said() -> None:
    lost = Row(**vars(ROW) | {"after": Account(accepted=12, done=11, missing=1)})
    page = written(NOON, Day(rows={"test_x": lost}, failed=["test_x"]))
    assert "12 = 11 done + 1 **differ**" in page
    assert "These failed when last run: `test_x`." in page


def test_a_soak_is_shown_over_time_with_its_slope() -> None:
    page = written(NOON, Day(soaks={"soak": SOAK}))
    assert "## Soak of 30 minutes on Apache Kafka" in page
    # One MiB every 10 s.
    assert SOAK.slope_per_hour("resident_mib") == pytest.approx(360)
    assert "memory +360.00 MiB an hour, file descriptors +0.00" in page


def test_a_later_session_adds_to_the_day_and_replaces_what_it_ran_again(tmp_path: Path) -> None:
    kept = tmp_path / "day.json"
    Day(rows={"one": ROW}, soaks={"soak": SOAK}, failed=["one", "two"]).keep(kept)
    day = Day.read(kept)
    assert (day.rows, day.soaks) == ({"one": ROW}, {"soak": SOAK})
    day.add(Day(rows={"three": ROW}), run={"one", "three"})
    assert day.failed == ["two"]
    assert set(day.rows) == {"one", "three"}
