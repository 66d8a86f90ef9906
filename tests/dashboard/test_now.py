"""The page Now, in every state that it can be in."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import event, select
from streamlit.testing.v1 import AppTest

from dashboard import readings, words
from dashboard.connections import database
from infra.alerts import Alerts, OpenAlert, open_alerts
from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.database.models import AlertKind, Delivery, LagSample, Part, PartState
from infra.parts import SILENT_SECONDS
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage, accept, commit
from tests.dashboard.seeding import Seed, seed
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import RunningModelServer


def test_a_database_without_tables_says_what_to_do(away: Settings, open_page: OpenPage) -> None:
    page = open_page()
    assert "doublet db upgrade" in page.info[0].value


def test_an_empty_system_shows_what_is_away_and_no_figures(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    page = open_page()
    assert "Kafka" in page.error[0].value
    assert "model server" in page.error[0].value
    assert "Nothing was doubled" in _captions(page)
    assert not page.get("vega_lite_chart")


def test_without_kafka_the_books_are_not_claimed_to_balance(
    seeded: Seed, open_page: OpenPage
) -> None:
    page = open_page()
    books = _markdown(page)
    assert "not checked" in books
    assert "8 done, 1 duplicate, 1 skipped, 1 dead" in books
    assert "balanced" not in books


def test_a_database_that_is_away_is_one_line(
    configure: Callable[..., Settings], open_page: OpenPage
) -> None:
    configure(DATABASE_URL="postgresql+psycopg://doublet@127.0.0.1:1/doublet")
    page = open_page()
    assert "the database does not answer" in page.error[0].value


def test_throughput_latency_and_lag_of_the_seeded_hour(seeded: Seed, open_page: OpenPage) -> None:
    page = open_page()
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["Pictures a minute"] == "0.13"  # 8 in an hour
    assert page.get("vega_lite_chart")
    latency = page.table[0].value
    assert list(latency.index) == ["queue", "decode", "tile", "model", "join", "store", "in all"]
    assert list(latency.columns) == ["p50", "p95", "p99"]
    lag = page.dataframe[0].value
    assert list(lag["Topic"].unique()) == ["doublet.apod.v1", "doublet.uploads.v1"]
    assert all(len(trend) == 30 for trend in lag["Last hour"])  # 60 samples, thinned
    assert set(lag["Drained in"]) <= {"", "it does not shrink"} | {
        text for text in lag["Drained in"] if re.fullmatch(r"[\d.]+ (s|min)", text)
    }


def test_without_the_scheduler_no_lag_is_claimed(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        for sample in session.scalars(select(LagSample)):
            sample.taken_at -= timedelta(minutes=20)
    page = open_page()
    [behind] = [metric for metric in page.metric if metric.label == "Behind"]
    assert behind.value == "not sampled"
    assert re.fullmatch(r"since \d{4}-.* UTC", behind.delta)
    lag = page.dataframe[0].value
    assert lag["Seconds behind"].isna().all()
    assert set(lag["Drained in"]) == {""}
    assert set(lag["Sampled"]) == {"20 min ago"}


def test_what_parts_and_alerts_say_is_shown_letter_by_letter(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        scheduler = session.get_one(Part, "scheduler")
        scheduler.state, scheduler.detail = PartState.WAITING, "a [link](https://example.org)\n# x"
    Alerts(sqlite).raise_alert(AlertKind.DELETED, "*topic*", "`code`")
    page = open_page()
    assert r"\*topic\*: \`code\`" in page.error[0].value
    assert page.warning[0].value.endswith(r"a \[link\]\(https\://example.org\) \# x")
    assert r"\[link\]" in " ".join(page.table[-1].value["Says"])


def test_another_window_is_measured_anew(seeded: Seed, open_page: OpenPage) -> None:
    page = open_page()
    page.segmented_control(key="window").set_value("15 min").run()
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["Pictures a minute"] == "0.53"  # 8 in 15 minutes
    assert not page.exception


def test_a_part_that_waits_says_so_on_top(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    since = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    with sqlite.transaction() as session:
        consumer = session.get_one(Part, "consumer")
        consumer.state, consumer.changed_at = PartState.WAITING, since
        consumer.detail = "waiting for the model server since 2026-11-23 05:59:59 UTC: refused"
    page = open_page()
    says = "waiting for the model server since 2026-11-23 05:59:59 UTC: refused"
    assert page.warning[0].value.endswith(words.literal(says))


def test_an_alert_is_on_top_until_somebody_clears_it(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    detail = "offsets 1 to 4 were deleted undelivered"
    Alerts(sqlite).raise_alert(AlertKind.DELETED, "doublet.uploads.v1 0", detail)
    [alert] = sqlite_alerts(sqlite)
    page = open_page()
    assert f"**deleted**, doublet.uploads.v1 0: {detail}" in page.error[0].value
    assert "Acknowledge" in [link.label for link in page.page_link]
    assert Alerts(sqlite).acknowledge(alert.id)
    assert not Alerts(sqlite).acknowledge(alert.id)
    assert sqlite_alerts(sqlite) == []


def sqlite_alerts(database: Database) -> list[OpenAlert]:
    with database.reading() as session:
        return open_alerts(session)


def test_a_silent_part_is_away(seeded: Seed, sqlite: Database, open_page: OpenPage) -> None:
    with sqlite.transaction() as session:
        scheduler = session.get_one(Part, "scheduler")
        scheduler.seen_at -= timedelta(seconds=SILENT_SECONDS + 1)
    page = open_page()
    assert "**scheduler**: silent since" in page.error[0].value
    assert "consumer" not in page.error[0].value


@pytest.fixture(scope="module")
def accepted(kafka: LocalBroker) -> dict[str, bool]:
    """Whether the broker of this module holds the seed's records already."""
    return {}


@pytest.fixture
def running(
    configure: Callable[..., Settings],
    sqlite: Database,
    kafka: LocalBroker,
    accepted: dict[str, bool],
) -> tuple[Settings, Seed]:
    """A seeded system whose Kafka is there and holds the same records."""
    current = configure(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
    filled = seed(sqlite, open_blob_store(current), datetime.now(UTC))
    if not accepted:
        accept(current, filled)
        accepted["yes"] = True
    commit(current, filled.committed)
    return current, filled


def test_books_that_balance(running: tuple[Settings, Seed], open_page: OpenPage) -> None:
    _, filled = running
    page = open_page()
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["Accepted"] == str(filled.ends.total())
    assert (metrics["= Done"], metrics["+ Duplicate"]) == ("8", "1")
    assert (metrics["+ Skipped"], metrics["+ Dead"], metrics["+ In flight"]) == ("1", "1", "2")
    assert "balanced" in _markdown(page)
    assert page.dataframe[0].value["Difference"].sum() == 0


def test_a_difference_is_red_and_says_what_it_means(
    running: tuple[Settings, Seed], sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        session.delete(session.get_one(Delivery, ("doublet.apod.v1", 0, 0)))
    page = open_page()
    error = next(error for error in page.error if "database" in error.value)
    assert "1 record settled on Kafka, without an outcome" in error.value
    assert page.dataframe[0].value["Difference"].sum() == 1


def test_all_is_well_only_with_the_model_server(
    running: tuple[Settings, Seed],
    embedded_model_server: RunningModelServer,
    configure: Callable[..., Settings],
    open_page: OpenPage,
) -> None:
    assert "model server" in open_page().error[0].value
    configure(
        KAFKA_BOOTSTRAP_SERVERS=running[0].kafka_bootstrap_servers,
        MODEL_SERVER=embedded_model_server.address,
    )
    page = open_page()
    deadline = time.monotonic() + 30
    while page.error and time.monotonic() < deadline:  # a busy machine may miss a probe
        st.cache_data.clear()
        page = page.run()
    assert not page.error
    assert not page.warning
    says = " ".join(page.table[-1].value["Says"])
    wanted = f"answers at {embedded_model_server.address}, doublet version 1 (stable)"
    assert words.literal(wanted) in says
    about = " ".join(page.table[-1].value["Is"])
    assert re.search(r"(CPU|GPU).*\\\(asked for\\: auto\\\)", about)


def _markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def _captions(page: AppTest) -> str:
    return "\n".join(element.value for element in page.caption)


def test_an_idle_page_asks_the_database_less_than_five_times_a_refresh(
    running: tuple[Settings, Seed], open_page: OpenPage
) -> None:
    page = open_page()
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        if arguments[2].lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append(arguments[2])

    engine = database().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        # As after FRESH_SECONDS and SAMPLE_SECONDS: what was read then is forgotten.
        readings._standing.clear()
        readings._lag.clear()
        page.run()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert not page.exception
    assert 0 < len(asked) < 5, asked
