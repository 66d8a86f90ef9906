"""The audit: what does not add up or comes too late is told, and withdrawn when it has passed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from infra.alerts import open_alerts
from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState, DeadLetter, Delivery, Outcome
from infra.eventlog.clients import KafkaEventLog
from infra.eventlog.offsets import intake_offsets
from infra.eventlog.topics import BACKFILL, UPLOADS
from infra.settings import Settings
from producers.auditing import Auditor
from producers.lag import LagSampler
from producers.metrics import SCHEDULER
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.scraping import Scrape
from tests.producers.conftest import Configure, SettableClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def quiet(configure: Configure, kafka: LocalBroker) -> Settings:
    return configure(kafka_bootstrap_servers=kafka.bootstrap)


def alerts(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {f"{it.kind}, {it.subject}": it.detail for it in open_alerts(session)}


def measured() -> Scrape:
    return Scrape(SCHEDULER.page())


def test_books_that_differ_twice_in_a_row_are_an_alert_until_they_balance(
    quiet: Settings, sqlite: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.auditing._SHARE", 0)  # audit them each time
    auditor = Auditor(quiet, sqlite, clock)
    auditor.audit()
    assert measured()("doublet_books_difference_records") == 0
    assert measured()("doublet_books_audited_timestamp_seconds") == NOON.timestamp()
    end = max(at.end for at in intake_offsets(quiet) if at.topic == UPLOADS)
    with sqlite.transaction() as session:
        session.add(
            Delivery(
                topic=UPLOADS,
                partition=0,
                offset=end + 7,
                outcome=Outcome.DONE,
                sent_at=NOON,
                received_at=NOON,
            )
        )
    auditor.audit()
    assert alerts(sqlite) == {}
    assert measured()("doublet_books_difference_records") == 1
    assert measured()("doublet_books_records", topic=UPLOADS, term="unknown_to_kafka") == 1
    auditor.audit()
    assert alerts(sqlite) == {
        "books, books": "1 records differ: `doublet books --verify` says which"
    }
    with sqlite.transaction() as session:
        session.execute(delete(Delivery))
    auditor.audit()
    assert alerts(sqlite) == {}


def test_many_dead_letters_within_an_hour_are_an_alert(
    quiet: Settings, sqlite: Database, clock: SettableClock
) -> None:
    auditor = Auditor(quiet, sqlite, clock)

    def die(number: int) -> None:
        with sqlite.transaction() as session:
            session.add(
                DeadLetter(
                    topic=UPLOADS,
                    partition=0,
                    offset=number,
                    reason="failed",
                    stage="model",
                    detail="",
                    attempts=3,
                    first_failed_at=clock(),
                    last_failed_at=clock(),
                )
            )

    for number in range(quiet.alert_dead_letters_per_hour):
        die(number)
    auditor.audit()
    assert alerts(sqlite) == {}
    die(999)
    auditor.audit()
    assert alerts(sqlite) == {"dead letters, dead letters": "11 records died within an hour"}
    assert measured()("doublet_dead_letters_hour") == 11
    assert measured()("doublet_dead_letters", state="waiting", reason="failed") == 11
    assert measured()("doublet_alerts_open", kind="dead letters") == 1
    clock.forward(hours=1)
    auditor.audit()
    assert alerts(sqlite) == {}


def test_a_day_that_does_not_come_is_an_alert_until_it_does(
    quiet: Settings, sqlite: Database, clock: SettableClock
) -> None:
    def day(state: ApodState, *, reason: str | None = None, backfill: bool = False) -> None:
        with sqlite.transaction() as session:
            session.merge(
                ApodDay(
                    day=clock().date() - timedelta(days=backfill),
                    state=state,
                    reason=reason,
                    backfill=backfill,
                    updated_at=NOON,
                )
            )

    auditor = Auditor(quiet, sqlite, clock)
    clock.forward(hours=10)  # 17:00 in New York, where a day appears at 00:05
    day(ApodState.WAITING)
    day(ApodState.WAITING, reason="no entry", backfill=True)
    auditor.audit()
    assert alerts(sqlite) == {}, "nobody has asked yet"
    day(ApodState.WAITING, reason="no entry yet")
    auditor.audit()
    assert alerts(sqlite) == {
        "APOD late, APOD": "the picture of 2026-11-23 is due since 17 h: no entry yet"
    }
    assert measured()("doublet_apod_late_seconds") == (16 * 60 + 55) * 60
    assert measured()("doublet_apod_days", state="waiting") == 2
    day(ApodState.PUBLISHED)
    auditor.audit()
    assert alerts(sqlite) == {}
    assert measured()("doublet_apod_late_seconds") == 0


def test_a_record_that_waits_too_long_is_an_alert_but_for_the_backfill(
    quiet: Settings, sqlite: Database
) -> None:
    # The records of other tests lie on this broker as well, and nobody has committed anything.
    events = KafkaEventLog(quiet)
    partition, _ = events.send(UPLOADS, b"watched", b"x", [])
    late, _ = events.send(BACKFILL, b"watched", b"x", [])
    events.close()
    clock = SettableClock(datetime.now(UTC))
    sampler = LagSampler(quiet, sqlite, clock)
    clock.forward(days=30)
    sampler.sample()
    found = alerts(sqlite)
    assert f"lag, {UPLOADS} {partition}" in found
    assert not any(BACKFILL in subject for subject in found)
    scraped = measured()
    assert scraped("doublet_lag_seconds", topic=UPLOADS, partition=str(partition)) > 300
    assert scraped("doublet_lag_records", topic=BACKFILL, partition=str(late)) >= 1
    clock.forward(days=-40)
    sampler.sample()
    assert alerts(sqlite) == {}
