"""The ledger of days: nothing is forgotten, and nobody asks twice at once."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.database.engine import Database
from infra.database.models import ApodState
from producers.apod.source import ApodEntry, MediaType
from producers.ledger import Ledger, Patience, Verdict
from tests.producers.conftest import SettableClock

TODAY = date(2026, 11, 23)
WAITING = Verdict(ApodState.WAITING, "not yet")
PUBLISHED = Verdict(
    ApodState.PUBLISHED,
    entry=ApodEntry(
        TODAY, "A Sky", MediaType.IMAGE, "…", "Some One", None, "https://x", ("https://y",)
    ),
)


def _ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def ledger(sqlite: Database, clock: SettableClock) -> Ledger:
    return Ledger(sqlite, clock)


def test_an_empty_ledger_begins_with_the_newest_day(ledger: Ledger) -> None:
    assert ledger.note_missing() == [TODAY]
    assert ledger.note_missing() == []
    assert ledger.due() == [TODAY]


def test_days_of_a_downtime_are_caught_up_once_and_the_newest_comes_first(
    database: Database, clock: SettableClock
) -> None:
    ledger = Ledger(database, clock)
    ledger.note_missing()
    clock.forward(days=3)
    assert ledger.note_missing() == [TODAY + timedelta(days=number) for number in (1, 2, 3)]
    assert ledger.note_missing() == []
    assert ledger.due()[0] == TODAY + timedelta(days=3)


def test_catching_up_goes_back_a_week_and_no_further(ledger: Ledger, clock: SettableClock) -> None:
    ledger.note_missing()
    clock.forward(days=100)
    missing = ledger.note_missing()
    assert len(missing) == 7
    assert missing[-1] == TODAY + timedelta(days=100)


def test_a_gap_behind_a_day_that_a_person_asked_for_is_seen(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.note_missing()
    clock.forward(days=3)
    ledger.claim(TODAY + timedelta(days=3), by_person=True)
    assert ledger.note_missing() == [TODAY + timedelta(days=number) for number in (1, 2)]


def test_a_day_asked_for_before_it_is_due_does_not_upset_the_ledger(
    ledger: Ledger, clock: SettableClock
) -> None:
    clock.now = datetime(2026, 11, 23, 5, 2, tzinfo=UTC)  # two minutes into the day there
    ledger.claim(TODAY, by_person=True)
    assert ledger.note_missing() == [_ago(1)]


def test_one_of_many_schedulers_gets_the_claim(database: Database, clock: SettableClock) -> None:
    Ledger(database, clock).note_missing()
    start = threading.Barrier(4)
    claims = []

    def claim() -> None:
        start.wait()
        claims.append(Ledger(database, clock).claim(TODAY))

    threads = [threading.Thread(target=claim) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claim for claim in claims if claim is not None]) == 1


def test_days_that_several_note_at_once_are_noted_once(
    database: Database, clock: SettableClock
) -> None:
    start = threading.Barrier(4)
    noted: list[date] = []

    def note() -> None:
        start.wait()
        noted.extend(Ledger(database, clock).note_missing())

    threads = [threading.Thread(target=note) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert noted == [TODAY]


def test_a_day_that_waits_is_due_again_later_and_later(
    ledger: Ledger, clock: SettableClock
) -> None:
    waits = []
    for _ in range(10):
        claim = ledger.claim(TODAY)
        assert claim is not None
        ledger.settle(claim, WAITING)
        next_try_at = ledger.read(TODAY).next_try_at
        assert next_try_at is not None
        waits.append(next_try_at - clock.now)
        clock.now = next_try_at - timedelta(seconds=1)
        assert ledger.due() == []
        clock.forward(seconds=1)
        assert ledger.due() == [TODAY]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (
        timedelta(seconds=30),
        timedelta(seconds=60),
        timedelta(hours=1),
    )


def test_patience_never_overflows() -> None:
    assert Patience().after(10_000) == Patience().longest


def test_the_services_own_wish_to_be_left_alone_is_kept(
    ledger: Ledger, clock: SettableClock
) -> None:
    claim = ledger.claim(TODAY)
    assert claim is not None
    ledger.settle(claim, Verdict(ApodState.WAITING, "limit", retry_after=timedelta(hours=5)))
    assert ledger.read(TODAY).next_try_at == clock.now + timedelta(hours=5)


def test_a_claim_whose_holder_died_runs_out_and_his_late_word_does_not_count(
    database: Database, clock: SettableClock
) -> None:
    ledger = Ledger(database, clock)
    first = ledger.claim(TODAY)
    assert first is not None
    assert ledger.claim(TODAY) is None
    assert ledger.claim(TODAY, by_person=True) is None
    clock.forward(minutes=5)
    assert ledger.due() == [TODAY]
    second = ledger.claim(TODAY)
    assert second is not None
    assert not ledger.settle(first, WAITING)
    assert ledger.settle(second, PUBLISHED)
    assert ledger.read(TODAY).state is ApodState.PUBLISHED


def test_a_published_day_is_never_claimed_again(ledger: Ledger, clock: SettableClock) -> None:
    claim = ledger.claim(TODAY)
    assert claim is not None
    ledger.settle(claim, PUBLISHED)
    row = ledger.read(TODAY)
    assert (row.title, row.credit, row.event_id) == ("A Sky", "Some One", "apod:2026-11-23")
    assert row.reason is None
    clock.forward(days=1)
    assert ledger.claim(TODAY) is None
    assert ledger.claim(TODAY, by_person=True) is None


def test_a_person_need_not_wait_and_may_ask_a_skipped_day_again(ledger: Ledger) -> None:
    for verdict in (WAITING, Verdict(ApodState.SKIPPED, "a video")):
        claim = ledger.claim(TODAY, by_person=True)
        assert claim is not None
        ledger.settle(claim, verdict)
        assert ledger.claim(TODAY) is None
    assert ledger.claim(TODAY, by_person=True) is not None
