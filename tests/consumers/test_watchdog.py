"""A partition that does not move while there is something to take is noticed, and only such."""

import pytest

from consumers.in_flight import Place
from consumers.watchdog import Stand, Watchdog, WatchPolicy

A, B = ("doublet.uploads.v1", 0), ("doublet.uploads.v1", 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(WatchPolicy(stalled_s=60, look_s=10), clock)


def look(watchdog: Watchdog, clock: Clock, *looks: dict[Place, Stand]) -> list[set[Place]]:
    """One look every 10 s."""
    found = []
    for stands in looks:
        clock.now += 10
        assert watchdog.due
        found.append(watchdog.stalled(stands))
        assert not watchdog.due
    return found


def test_one_that_stands_still_for_a_minute_has_stalled(watchdog: Watchdog, clock: Clock) -> None:
    stands = [{A: Stand(5, 6 + number), B: Stand(number, 99)} for number in range(7)]
    assert look(watchdog, clock, *stands) == [set()] * 6 + [{A}]


def test_one_with_nothing_to_take_has_not(watchdog: Watchdog, clock: Clock) -> None:
    assert look(watchdog, clock, *[{A: Stand(5, 5)}] * 20) == [set()] * 20


def test_the_minute_begins_when_there_is_something_to_take(
    watchdog: Watchdog, clock: Clock
) -> None:
    idle, waiting = {A: Stand(5, 5)}, {A: Stand(5, 6)}
    assert look(watchdog, clock, *[idle] * 9, *[waiting] * 6) == [set()] * 14 + [{A}]


def test_one_that_was_paused_meanwhile_starts_anew(watchdog: Watchdog, clock: Clock) -> None:
    standing: dict[Place, Stand] = {A: Stand(5, 6)}
    looks = [standing] * 5 + [{}] + [standing] * 6
    assert look(watchdog, clock, *looks) == [set()] * 12
