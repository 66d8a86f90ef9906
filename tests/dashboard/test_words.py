"""Numbers, sizes and moments, as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import words


@pytest.mark.parametrize(
    ("seconds", "read"),
    [
        (0, "0 s"),
        (0.0421, "0.042 s"),
        (1.26, "1.3 s"),
        (9.96, "10 s"),
        (119, "119 s"),
        (600, "10 min"),
        (7_300, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_durations(seconds: float, read: str) -> None:
    assert words.duration(seconds) == read


@pytest.mark.parametrize(
    ("length", "read"),
    [(0, "0 bytes"), (999, "999 bytes"), (12_345, "12 kB"), (2_900_000, "2.9 MB")],
)
def test_sizes(length: int, read: str) -> None:
    assert words.size(length) == read


def test_moments_say_their_time_zone() -> None:
    moment = datetime(2026, 11, 23, 6, 5, 4, tzinfo=UTC)
    assert words.utc(moment) == "2026-11-23 06:05:04 UTC"
    assert words.ago(moment, moment + timedelta(minutes=5)) == "5 min ago"
    assert words.ago(moment, moment) == "just now"


def test_text_from_outside_is_shown_letter_by_letter() -> None:
    assert words.literal("a_b [x](http://y) :red[z]") == (r"a\_b \[x\]\(http\://y\) \:red\[z\]")
