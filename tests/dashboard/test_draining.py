"""The time to drain, against figures worked out by hand."""

from datetime import UTC, datetime, timedelta

from dashboard.draining import POINTS, drain
from dashboard.queries.running import Lag

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _samples(*records: int, every: float = 60) -> list[Lag]:
    return [
        Lag("t", 0, number, float(number), NOON + timedelta(seconds=every * turn))
        for turn, number in enumerate(records)
    ]


def test_a_queue_that_shrinks_is_drained_as_fast_as_it_shrank() -> None:
    # 10 fewer in each of the last five minutes, 40 left
    assert drain(_samples(500, 90, 80, 70, 60, 50, 40)).drained_in == 4 * 60


def test_a_queue_that_grows_or_stands_is_never_drained() -> None:
    assert drain(_samples(1, 2, 3)).drained_in is None
    assert drain(_samples(3, 3, 3)).drained_in is None
    assert drain(_samples(3)).drained_in is None


def test_nothing_waits() -> None:
    assert drain(_samples(9, 5, 0)).drained_in == 0


def test_the_trend_is_thinned_and_keeps_its_peaks() -> None:
    samples = _samples(*range(359), 999, *range(10), every=10)
    trend = drain(samples).trend
    assert len(trend) <= POINTS
    assert max(trend) == 999
    assert drain(_samples(7)).trend == [7]
