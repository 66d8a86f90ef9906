"""The circuit breaker: opens at once, lets one through at a time, closes by itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from consumers.breaker import Breaker, WaitPolicy
from consumers.halt import Halt, HandedBack
from infra.database.engine import DatabaseUnavailable
from serving.errors import ModelServerUnavailable
from tests.consumers.world import NOON


class Time(Halt):
    """A clock that moves when somebody rests."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.rests: list[float] = []

    def rest(self, seconds: float) -> None:
        self.check()
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(
        time,
        WaitPolicy(first_s=1, longest_s=8),
        clock=lambda: NOON + timedelta(seconds=time.now),
        monotonic=lambda: time.now,
    )


def failing(times: int, error: Exception) -> "Part":
    return Part([error] * times)


class Part:
    """Fails as it is told, then answers."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def test_while_all_is_well_it_is_not_in_the_way(breaker: Breaker, time: Time) -> None:
    assert breaker.insist(lambda: 7) == 7
    assert (time.rests, breaker.troubles) == ([], ())


def test_it_asks_less_and_less_often_with_jitter(breaker: Breaker, time: Time) -> None:
    assert breaker.insist(failing(6, ModelServerUnavailable("away"))) == "answer"
    assert len(time.rests) == 6
    for rest, longest in zip(time.rests, (1, 2, 4, 8, 8, 8), strict=True):
        assert longest / 2 <= rest <= longest


def test_it_says_for_whom_it_waits_and_since_when(breaker: Breaker) -> None:
    part = failing(3, ModelServerUnavailable("connection refused"))
    seen: list[str] = []

    def action() -> str:
        seen.extend(str(trouble) for trouble in breaker.troubles)
        return part()

    breaker.insist(action)
    says = "waiting for the model server since 2026-11-23 12:00:00 UTC: connection refused"
    assert seen == [says] * 3


def test_it_stays_open_until_the_part_itself_has_answered(breaker: Breaker) -> None:
    breaker.insist(failing(1, ModelServerUnavailable("away")))
    breaker.answered({DatabaseUnavailable.part})
    assert [trouble.part for trouble in breaker.troubles] == ["the model server"]
    breaker.answered()
    assert breaker.troubles == ()


def test_two_parts_are_waited_for_apart(breaker: Breaker) -> None:
    errors = [ModelServerUnavailable("away"), DatabaseUnavailable("locked")]
    breaker.insist(Part(list[Exception](errors)))
    assert [trouble.part for trouble in breaker.troubles] == ["the model server", "the database"]
    breaker.answered({"the database"})
    assert [trouble.part for trouble in breaker.troubles] == ["the model server"]


def test_an_error_that_is_no_outage_passes_through_and_frees_the_way(breaker: Breaker) -> None:
    breaker.insist(failing(1, ModelServerUnavailable("away")))
    with pytest.raises(ZeroDivisionError):
        breaker.insist(failing(1, ZeroDivisionError()))
    assert breaker.insist(failing(0, ZeroDivisionError())) == "answer"


def test_stopping_ends_the_waiting(breaker: Breaker, time: Time) -> None:
    time.request()
    with pytest.raises(HandedBack):
        breaker.insist(failing(99, ModelServerUnavailable("away")))


def test_only_one_at_a_time_asks_a_part_that_is_away() -> None:
    breaker = Breaker(Halt(), WaitPolicy(first_s=0.01, longest_s=0.01))
    lock = threading.Lock()
    at_once: list[int] = []
    asking = 0
    remaining = 20

    def ask() -> str:
        nonlocal asking, remaining
        with lock:
            asking += 1
            at_once.append(asking)
            failing_now = remaining > 0
            remaining -= 1
        try:
            if failing_now:
                raise ModelServerUnavailable("away")
            breaker.answered()
            return "answer"
        finally:
            with lock:
                asking -= 1

    with ThreadPoolExecutor(8) as crowd:
        first = crowd.submit(breaker.insist, ask)
        while not breaker.troubles:  # it is open before the crowd comes
            pass
        answers = [crowd.submit(breaker.insist, ask) for _ in range(7)]
        assert {answer.result(30) for answer in [first, *answers]} == {"answer"}
    assert max(at_once[:20]) == 1
