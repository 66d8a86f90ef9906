"""Which days there are, seen from New York and from anywhere else."""

from datetime import UTC, date, datetime, timedelta

import pytest

from producers.apod.days import NotADay, newest_day, next_appearance, read_day
from producers.scheduler import each_day


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 23, 5, 4, 59, tzinfo=UTC), date(2026, 11, 22)),  # 00:04:59, UTC-5
        (datetime(2026, 11, 23, 5, 5, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 7, 4, 4, 4, tzinfo=UTC), date(2026, 7, 3)),  # 00:04, UTC-4
        (datetime(2026, 7, 4, 4, 5, tzinfo=UTC), date(2026, 7, 4)),
        (datetime(2026, 3, 8, 5, 5, tzinfo=UTC), date(2026, 3, 8)),  # the clocks change at 02:00
        (datetime(2026, 3, 9, 4, 5, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
def test_a_day_appears_at_five_past_midnight_in_new_york(now: datetime, day: date) -> None:
    assert newest_day(now) == day


@pytest.mark.parametrize(
    "first", [date(2026, 3, 6), date(2026, 10, 30), date(2028, 2, 27), date(2026, 12, 30)]
)
def test_the_daily_run_comes_when_a_day_appears_whatever_the_clocks_do(first: date) -> None:
    trigger = each_day(first)
    run = trigger.get_next_fire_time(None, datetime(2020, 1, 1, tzinfo=UTC))
    for number in range(5):
        day = first + timedelta(days=number)
        assert (newest_day(run), newest_day(run - timedelta(seconds=1))) == (
            day,
            day - timedelta(days=1),
        )
        following = trigger.get_next_fire_time(run, run)
        assert next_appearance(run.astimezone(UTC)) == following
        run = following


def test_words_and_dates_are_read_in_new_york() -> None:
    late_evening_there = datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert read_day("today", late_evening_there) == date(2026, 11, 22)
    assert read_day("yesterday", late_evening_there) == date(2026, 11, 21)
    assert read_day("1995-06-16", late_evening_there) == date(1995, 6, 16)
    assert read_day("1995-06-20", late_evening_there) == date(1995, 6, 20)
    with pytest.raises(NotADay, match="has not come yet"):
        read_day("2026-11-23", late_evening_there)


@pytest.mark.parametrize(
    "text", ["1995-06-15", "1995-06-17", "1995-06-18", "1995-06-19", "2026-02-30", "soon", ""]
)
def test_what_never_had_a_picture_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(NotADay) as refused:
        read_day(text, datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert "\n" not in str(refused.value)
