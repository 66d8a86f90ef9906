"""The page of APOD's days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.calendar import days_of, with_unknown
from dashboard.queries import days as queries
from dashboard.queries.days import DayFilter, DayState
from infra.database.engine import Database, DatabaseUnavailable
from infra.settings import Settings
from producers.apod.days import FIRST_DAY
from producers.backfill import Backfill
from producers.backfiller import open_backfill
from tests.dashboard.conftest import OpenPage
from tests.dashboard.day_seeding import LAST_LEAP_DAY, seed_days
from tests.dashboard.seeding import Seed


@pytest.fixture
def newest(seeded: Seed, sqlite: Database) -> date:
    """The newest day of a ledger with days in every state."""
    return seed_days(sqlite, datetime.now(UTC))


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def said(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def test_every_day_since_the_first_is_counted_once(newest: date, open_page: OpenPage) -> None:
    shown = metrics(open_page("apod"))
    days = (newest - FIRST_DAY).days + 1 - 3  # on three days after the first there was none
    assert shown["Skipped"] == shown["Failed"] == "1"
    assert shown["Waiting"] == "2"
    assert sum(int(number.replace(",", "")) for number in shown.values()) == days


def test_a_day_of_the_address_is_shown_with_its_picture(newest: date, open_page: OpenPage) -> None:
    app = open_page("apod", day=newest.isoformat())
    assert app.date_input(key="day").value == newest
    assert "Vera Example" in said(app)
    assert app.get("image")


def test_a_video_day_says_what_it_was(newest: date, sqlite: Database, open_page: OpenPage) -> None:
    with sqlite.reading() as session:
        [skipped] = [
            line.day
            for year in {newest.year, (newest - timedelta(40)).year}
            for line in queries.days(session, year)
            if line.state is DayState.SKIPPED
        ]
    text = said(open_page("apod", day=skipped.isoformat()))
    assert "A Film of the Sky" in text
    assert "the day is a video" in text


def test_a_day_nobody_asked_for_says_so(newest: date, open_page: OpenPage) -> None:
    assert "Nobody asked for this day yet" in said(open_page("apod", day="2001-02-03"))


def test_a_stand_in_is_told(newest: date, open_page: OpenPage) -> None:
    assert "stand-in: poster" in said(open_page("apod", day=LAST_LEAP_DAY.isoformat()))


def test_titles_are_searched_in_all_years(newest: date, open_page: OpenPage) -> None:
    app = open_page("apod", year="1999")
    assert "No day was doubled yet." in said(app)
    app.text_input(key="title").set_value("halo").run()
    assert "1 day" in [caption.value for caption in app.caption]
    app.text_input(key="title").set_value("100%_").run()
    assert "No day has such a title." in said(app)
    app.text_input(key="title").set_value("film of").run()
    assert "1 day" in [caption.value for caption in app.caption]
    assert any(" skipped]" in element.value for element in app.markdown)


@pytest.mark.parametrize(
    ("query", "year"),
    [
        ({"day": "1999-05-05"}, 1999),
        ({"day": "1999-05-05", "year": "2001"}, 2001),
        ({"day": "tomorrow"}, None),
        ({"day": "1812-01-01"}, None),
    ],
)
def test_a_day_of_the_address_has_its_years_sheet_beside_it(
    newest: date, open_page: OpenPage, query: dict[str, str], year: int | None
) -> None:
    app = open_page("apod", **query)
    assert app.selectbox(key="year").value == (year or newest.year)
    app.selectbox(key="year").set_value(newest.year).run()
    assert app.selectbox(key="year").value == newest.year


def test_an_empty_ledger_is_a_calendar_of_days_to_ask_for(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    app = open_page("apod")
    assert metrics(app)["Doubled"] == "0"
    assert "No earlier day was asked for yet." in said(app)
    assert "No day was waited for yet." in said(app)


def test_the_backfill_is_asked_for_paused_and_resumed(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    app = open_page("apod")
    stretch = next(each for each in app.date_input if each.label == "Days to ask for")
    stretch.set_value((date(2024, 2, 28), date(2024, 3, 1))).run()
    press(app, "Ask for them")
    backfill = open_backfill(away, sqlite)
    assert backfill.progress().waiting == 3
    press(app, "Pause")
    assert backfill.progress().paused_at is not None
    press(app, "Resume")
    assert backfill.progress().paused_at is None


@pytest.mark.parametrize(("label", "method"), [("Ask for them", "ask_for"), ("Pause", "pause")])
def test_steering_without_the_database_is_one_line(
    newest: date,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    method: str,
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("the database does not answer")

    app = open_page("apod")
    monkeypatch.setattr(Backfill, method, away)
    press(app, label)
    assert "the database does not answer" in app.error[0].value


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_a_visitor_sees_the_backfill_and_cannot_steer_it(
    configure: Callable[..., Settings], sqlite: Database, open_page: OpenPage
) -> None:
    configure(VISITORS="look")
    app = open_page("apod")
    assert any("To steer the backfill" in info.value for info in app.info)
    assert not app.button


def test_a_year_has_the_days_on_which_there_were_pictures() -> None:
    newest = date(2024, 3, 1)
    assert len(days_of(2023, newest)) == 365
    assert days_of(2024, newest)[-2:] == [date(2024, 2, 29), newest]
    assert [day.day for day in days_of(1995, newest)][:3] == [16, 20, 21]
    counts = with_unknown({2024: {DayState.DOUBLED: 1}}, newest)
    assert dict(zip(counts.state[-2:], counts.days[-2:], strict=True)) == {
        "doubled": 1,
        "not asked for": 60,
    }


def test_the_gallery_has_the_newest_doubled_days_first(newest: date, sqlite: Database) -> None:
    with sqlite.reading() as session:
        lines = queries.newest_days(session, DayFilter(doubled=True), offset=1, limit=2)
        total = queries.count_days(session, DayFilter(doubled=True))
    assert [line.day for line in lines] == [newest - timedelta(1), newest - timedelta(2)]
    assert total > 3
