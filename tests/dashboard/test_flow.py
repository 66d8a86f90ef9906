"""Throughput and latency against figures worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import flow
from dashboard.flow import BARS, latencies, throughput
from dashboard.queries.running import Doubling

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _doubling(minutes_ago: float, *, pixels: int = 1_000_000, model_s: float = 1.0) -> Doubling:
    return Doubling(NOW - timedelta(minutes=minutes_ago), pixels, (0, 0, 0, model_s, 0, 0))


def test_rates_count_idle_time() -> None:
    rates = throughput([_doubling(59), _doubling(1), _doubling(0.5)], HOUR, NOW)
    assert rates.per_minute == pytest.approx(3 / 60)
    assert rates.megapixels_per_second == pytest.approx(3 / 3600)
    assert rates.whole_window


def test_the_sparkline_has_every_picture_in_its_time() -> None:
    rates = throughput([_doubling(60), _doubling(31), _doubling(0)], HOUR, NOW)
    assert len(rates.pictures_over_time) == BARS
    assert [bar for bar, number in enumerate(rates.pictures_over_time) if number] == [0, 14, 29]
    assert sum(rates.megapixels_over_time) == pytest.approx(3)


def test_nothing_in_the_window() -> None:
    rates = throughput([], HOUR, NOW)
    assert (rates.pictures, rates.per_minute, rates.megapixels_per_second) == (0, 0, 0)
    assert latencies([]) == []


def test_more_than_can_be_read_is_measured_over_the_time_that_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "NEWEST_RESULTS", 4)
    rates = throughput([_doubling(minutes) for minutes in (4, 3, 2, 1)], HOUR, NOW)
    assert not rates.whole_window
    assert rates.per_minute == pytest.approx(1)


def test_percentiles_of_each_stage_and_of_the_whole() -> None:
    stages = {
        stage.stage: stage
        for stage in latencies([_doubling(1, model_s=second) for second in range(101)])
    }
    for stage, percentiles in (
        ("model", (50, 95, 99)),
        ("in all", (50, 95, 99)),
        ("tile", (0, 0, 0)),
    ):
        assert (stages[stage].p50, stages[stage].p95, stages[stage].p99) == percentiles


def test_one_picture_is_its_own_percentile() -> None:
    model = next(stage for stage in latencies([_doubling(1)]) if stage.stage == "model")
    assert (model.p50, model.p95, model.p99) == (1, 1, 1)
