"""The backfill: day by day from the newest on, paused and resumed by anybody, none twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.admission import Limits
from infra.blobs import BlobStore
from infra.database.engine import Database
from infra.database.models import ApodState
from infra.eventlog.topics import APOD, BACKFILL
from producers.apod.budget import Budget
from producers.apod.v2 import ApodV2
from producers.apod.web import Web, WebPolicy
from producers.backfill import Backfill
from producers.backfiller import Backfiller
from producers.ledger import Ledger, Patience
from producers.publishing import Publisher
from tests.fixtures.apod_servers import V2_PATH, ApodServer, Recorded, v2_entry
from tests.producers.conftest import ListedEvents, SettableClock, picture

TODAY = date(2026, 11, 23)
PER_HOUR = 3600

Lay = Callable[..., None]


def _day(number: int) -> date:
    """November's, 2025: long past."""
    return date(2025, 11, number)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def ledger(sqlite: Database, clock: SettableClock) -> Ledger:
    return Ledger(sqlite, clock, Patience(faults=3))


@pytest.fixture
def budget(sqlite: Database, clock: SettableClock) -> Budget:
    return Budget(sqlite, "apod.test", PER_HOUR, clock)


@pytest.fixture
def backfill(sqlite: Database, budget: Budget, clock: SettableClock) -> Backfill:
    return Backfill(sqlite, budget, clock)


@pytest.fixture
def lay(apod_server: ApodServer) -> Lay:
    """Lays days down whose pictures are there."""

    def lay(*days: date) -> None:
        for day in days:
            apod_server.v2(day, v2_entry(apod_server, day))
            apod_server.put(f"/dynamicimage/{day}.png", Recorded(picture()))

    return lay


@pytest.fixture
def backfiller(
    backfill: Backfill,
    budget: Budget,
    ledger: Ledger,
    apod_server: ApodServer,
    blobs: BlobStore,
    events: ListedEvents,
    clock: SettableClock,
) -> Iterator[Backfiller]:
    origins = frozenset({apod_server.address})
    web = Web(WebPolicy(origins=origins, download_tries=1), budget)
    source = ApodV2(web, apod_server.v2_url, clock)
    limits = Limits(max_bytes=10_000, max_pixels=100_000, max_side=1000)
    publisher = Publisher(source, web, ledger, blobs, events, limits, clock=clock)
    yield Backfiller(backfill, budget, ledger, publisher, clock)
    web.close()


def _to_the_end(backfiller: Backfiller, clock: SettableClock) -> None:
    while (wait := backfiller.step()) is not None:
        clock.now += wait


def _days_sent(events: ListedEvents) -> list[str]:
    return [key.decode() for _, key, _, _ in events.sent if key]


def test_days_are_asked_for_from_the_newest_on_and_go_to_their_own_topic(
    backfill: Backfill,
    backfiller: Backfiller,
    events: ListedEvents,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(*map(_day, (1, 2, 3)))
    assert backfill.ask_for(_day(1), _day(3)).begun == 3
    _to_the_end(backfiller, clock)
    assert _days_sent(events) == ["apod:2025-11-03", "apod:2025-11-02", "apod:2025-11-01"]
    assert {topic for topic, *_ in events.sent} == {BACKFILL}
    assert backfiller.step() is None


def test_what_is_known_is_not_asked_for_again(
    backfill: Backfill,
    backfiller: Backfiller,
    events: ListedEvents,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(*map(_day, (1, 2, 3)))
    backfill.ask_for(_day(2), _day(3))
    _to_the_end(backfiller, clock)
    asked = backfill.ask_for(_day(1), _day(3))
    assert (asked.days, asked.begun) == (3, 1)
    _to_the_end(backfiller, clock)
    assert len(_days_sent(events)) == 3


def test_all_of_apod_leaves_out_what_never_was_and_what_is_the_daily_runs(
    database: Database, budget: Budget, clock: SettableClock
) -> None:
    backfill = Backfill(database, budget, clock)
    ledger = Ledger(database, clock)
    asked = backfill.ask_for(date(1995, 6, 16), TODAY)
    assert asked.days == asked.begun == (TODAY - date(1995, 6, 16)).days + 1 - 3
    assert backfill.progress().total == asked.days - 1
    assert ledger.due() == [TODAY]
    assert ledger.next_of_backfill() == TODAY - timedelta(days=1)
    assert ledger.note_missing() == []


def test_the_backfill_makes_the_daily_run_catch_up_with_nothing(
    backfill: Backfill, ledger: Ledger
) -> None:
    backfill.ask_for(_day(1), _day(3))
    assert ledger.note_missing() == [TODAY]
    assert ledger.due() == [TODAY]


def test_the_day_goes_before_the_backfill_and_from_the_same_budget(
    backfill: Backfill, backfiller: Backfiller, budget: Budget, lay: Lay, clock: SettableClock
) -> None:
    lay(_day(1))
    backfill.ask_for(_day(1), _day(1))
    budget.spend()  # the daily run asks
    assert backfiller.step() == timedelta(seconds=1)
    clock.forward(seconds=1)
    assert backfiller.step() == timedelta(0)
    assert budget.spending().used == 2


def test_pausing_is_for_every_process_and_resuming_as_well(
    sqlite: Database,
    backfill: Backfill,
    backfiller: Backfiller,
    budget: Budget,
    events: ListedEvents,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(_day(1), _day(2))
    backfill.ask_for(_day(1), _day(2))
    backfiller.step()
    dashboard = Backfill(sqlite, budget, clock)
    dashboard.pause()
    since = backfill.progress().paused_at
    clock.forward(hours=1)
    dashboard.pause()
    for _ in range(3):
        assert backfiller.step() == timedelta(seconds=1)
    assert len(events.sent) == 1
    assert backfill.progress().paused_at == since
    dashboard.resume()
    _to_the_end(backfiller, clock)
    assert len(events.sent) == 2
    assert backfill.progress().paused_at is None


def test_progress_counts_every_end(
    backfill: Backfill,
    backfiller: Backfiller,
    apod_server: ApodServer,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(_day(3), _day(4))
    apod_server.v2(_day(2), v2_entry(apod_server, _day(2), media_type="video"))
    apod_server.v2(_day(1), Recorded(b"broken", 500, "text/plain"))
    backfill.ask_for(_day(1), _day(4))
    assert backfill.progress().seconds_left is None
    _to_the_end(backfiller, clock)
    progress = backfill.progress()
    assert (progress.published, progress.skipped, progress.failed) == (2, 1, 1)
    assert (progress.ended, progress.total, progress.waiting) == (4, 4, 0)
    assert progress.requests_used == 4 + 2  # the broken day was asked for three times
    assert progress.seconds_left == 0


def test_the_estimate_is_what_a_day_usually_takes(
    backfill: Backfill, backfiller: Backfiller, lay: Lay, clock: SettableClock
) -> None:
    lay(*map(_day, range(1, 11)))
    backfill.ask_for(_day(1), _day(10))
    for _ in range(5):
        backfiller.step()
        clock.forward(seconds=7)
    backfill.pause()
    clock.forward(days=3)
    backfill.resume()
    backfiller.step()
    clock.forward(seconds=7)
    assert backfill.progress().seconds_left == pytest.approx(4 * 7)


def test_a_day_that_was_given_up_is_asked_for_again_by_the_next_command(
    backfill: Backfill,
    backfiller: Backfiller,
    ledger: Ledger,
    apod_server: ApodServer,
    lay: Lay,
    clock: SettableClock,
) -> None:
    apod_server.v2(_day(1), Recorded(b"broken", 500, "text/plain"))
    backfill.ask_for(_day(1), _day(1))
    _to_the_end(backfiller, clock)
    row = ledger.read(_day(1))
    assert (row.state, row.faults) == (ApodState.FAILED, 3)
    assert "500" in str(row.reason)
    lay(_day(1))
    assert backfill.ask_for(_day(1), _day(1)).begun == 1
    _to_the_end(backfiller, clock)
    assert ledger.read(_day(1)).state is ApodState.PUBLISHED


def test_what_is_away_is_waited_for_longer_and_longer_and_burns_no_day(
    backfill: Backfill,
    backfiller: Backfiller,
    ledger: Ledger,
    events: ListedEvents,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(_day(1), _day(2))
    events.away = True
    backfill.ask_for(_day(1), _day(2))
    began = clock.now
    while clock.now - began < timedelta(hours=10):
        clock.now += backfiller.step() or timedelta(0)
    progress = backfill.progress()
    assert "Kafka" in str(progress.trouble)
    assert progress.failed == 0
    assert ledger.read(_day(1)).tries > Patience().faults
    events.away = False
    _to_the_end(backfiller, clock)
    assert len(events.sent) == 2
    assert backfill.progress().trouble is None


def test_what_fails_is_tried_again_after_the_others(
    backfill: Backfill,
    backfiller: Backfiller,
    events: ListedEvents,
    apod_server: ApodServer,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(*map(_day, range(1, 31)))
    good = apod_server.answer(f"{V2_PATH}/251130")
    apod_server.put(f"{V2_PATH}/251130", Recorded(b"", 500), good)
    backfill.ask_for(_day(1), _day(30))
    while backfiller.step() is not None:
        clock.forward(seconds=60)
    assert _days_sent(events)[-1] == "apod:2025-11-30"


def test_a_request_limit_stops_the_backfill_until_it_is_over(
    backfill: Backfill,
    backfiller: Backfiller,
    apod_server: ApodServer,
    lay: Lay,
    clock: SettableClock,
) -> None:
    lay(_day(1), _day(2))
    apod_server.v2(_day(2), Recorded(b"", 429, headers={"retry-after": "2870"}))
    backfill.ask_for(_day(1), _day(2))
    backfiller.step()
    lay(_day(2))
    assert (backfiller.step() or timedelta(0)) == timedelta(seconds=2870)
    assert len(apod_server.requests) == 1
    _to_the_end(backfiller, clock)
    assert backfill.progress().published == 2


def test_a_person_is_quicker_than_the_backfill(
    backfill: Backfill, ledger: Ledger, clock: SettableClock
) -> None:
    backfill.ask_for(_day(1), _day(1))
    claim = ledger.claim(_day(1), by_person=True)
    assert claim is not None
    assert claim.topic == APOD
