"""The budget of requests: one for all processes, and the service's own word counts most."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from infra.database.engine import Database
from producers.apod.budget import Budget
from producers.apod.source import ApodUnavailable
from producers.apod.web import Answer
from tests.producers.conftest import SettableClock

NOW = timedelta(0)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


def _budget(database: Database, clock: SettableClock) -> Budget:
    return Budget(database, "api.test", 60, clock)


def _answer(status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, b"", httpx.Headers(names))


def test_what_can_wait_keeps_the_polite_pace(database: Database, clock: SettableClock) -> None:
    budget = _budget(database, clock)
    assert budget.wait() == NOW
    budget.spend()
    assert budget.wait() == timedelta(minutes=1)
    clock.forward(minutes=1)
    assert budget.wait() == NOW


def test_what_cannot_wait_goes_at_once_and_moves_back_what_can(
    sqlite: Database, clock: SettableClock
) -> None:
    budget = _budget(sqlite, clock)
    budget.spend()
    budget.spend()
    assert budget.wait() == timedelta(minutes=2)


def test_other_processes_and_later_ones_spend_from_the_same_budget(
    database: Database, clock: SettableClock
) -> None:
    _budget(database, clock).spend()
    _budget(database, clock).spend()
    later = _budget(database, clock)
    assert later.spending().used == 2
    assert later.wait() == timedelta(minutes=2)


def test_what_the_service_has_left_lasts_for_an_hour(
    sqlite: Database, clock: SettableClock
) -> None:
    budget = _budget(sqlite, clock)
    budget.heed(_answer(x_ratelimit_remaining="11"))
    budget.spend()
    assert budget.spending().remaining == 10  # until its next word
    assert budget.wait() == timedelta(minutes=6)
    budget.heed(_answer(x_ratelimit_remaining="0"))
    assert budget.pace() == timedelta(hours=1)
    budget.heed(_answer(x_ratelimit_remaining="2000"))
    assert budget.pace() == timedelta(minutes=1)


def test_a_service_that_wants_to_be_left_alone_is(database: Database, clock: SettableClock) -> None:
    _budget(database, clock).heed(_answer(429, retry_after="2870"))
    budget = _budget(database, clock)
    with pytest.raises(ApodUnavailable, match="no request before 12:47:50 UTC") as closed:
        budget.spend()
    assert closed.value.retry_after == timedelta(seconds=2870)
    assert budget.wait() == timedelta(seconds=2870)
    assert budget.spending().used == 0
    clock.forward(seconds=2870)
    budget.spend()
    assert budget.spending().closed_until is None


@pytest.mark.parametrize("remaining", ["", "many", "-1", "1.5"])
def test_what_is_no_number_is_not_heeded(
    sqlite: Database, clock: SettableClock, remaining: str
) -> None:
    budget = _budget(sqlite, clock)
    budget.heed(_answer(x_ratelimit_remaining=remaining))
    assert budget.spending().remaining is None


def test_services_have_budgets_of_their_own(sqlite: Database, clock: SettableClock) -> None:
    _budget(sqlite, clock).spend()
    assert Budget(sqlite, "other.test", 60, clock).spending().used == 0
