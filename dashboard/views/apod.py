"""What happened on that day: every Astronomy Picture of the Day, from the first to the newest."""

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import files, words
from dashboard.addresses import here
from dashboard.backfilling import show_backfill
from dashboard.calendar import DAY, YEAR, with_unknown, year_chart, years_chart
from dashboard.connections import database
from dashboard.queries import days as queries
from dashboard.queries.days import Day, DayFacts, DayFilter, DayState
from infra.clock import utc_now
from producers.apod.days import FIRST_DAY, newest_day
from producers.standing import Delay, delays

COLUMNS = 6
PER_PAGE = 24  # fills rows of 6, 4, 3 and 2 cards
DELAYS = 365
"""Days whose delay is shown: a year."""

BADGES = {
    DayState.DOUBLED: ("green", ":material/check:"),
    DayState.WAITING: ("blue", ":material/hourglass_top:"),
    DayState.SKIPPED: ("gray", ":material/skip_next:"),
    DayState.FAILED: ("red", ":material/dangerous:"),
    DayState.UNKNOWN: ("gray", ":material/question_mark:"),
}


def page() -> None:
    """Counts, the calendar with one day, the gallery, the backfill, and how late the service is."""
    newest = newest_day(utc_now())
    with database().reading() as session:
        counts = with_unknown(queries.years(session), newest)
    _totals(counts)
    year = _year(counts, newest)
    with database().reading() as session:
        known = queries.days(session, year)
    sheet, chosen = st.columns([3, 2], gap="medium")
    with sheet:
        st.altair_chart(
            year_chart(year, known, newest),
            height=330,
            key=f"sheet-{year}",
            on_select=lambda: _choose_day(f"sheet-{year}"),
            alt=f"The days of {year}, coloured by what became of them",
        )
    with chosen:
        _one_day(newest)
    _gallery(year)
    st.subheader("Backfill", help="All days since 16 June 1995, the newest first.")
    show_backfill()
    _delays()


def _totals(counts: pd.DataFrame) -> None:
    by_state = counts.groupby("state")["days"].sum()
    with st.grid(5, min_column_width=120):
        for state in DayState:
            st.metric(state.value.capitalize(), f"{by_state.get(state.value, 0):,}", border=True)


def _year(counts: pd.DataFrame, newest: date) -> int:
    """The year to show: of the address, chosen from the list, or clicked at."""
    years = list(range(newest.year, FIRST_DAY.year - 1, -1))
    if YEAR not in st.query_params and YEAR not in st.session_state:
        st.session_state[YEAR] = _year_of_the_day(newest)
    year: int = st.selectbox("Year", years, key=YEAR, bind="query-params", width=140)
    st.altair_chart(
        years_chart(counts, year),
        height=230,
        key="years",
        on_select=_choose_year,
        alt="Days of each year by what became of them",
    )
    return year


def _year_of_the_day(newest: date) -> int:
    """Of the day that the address names: its sheet is what belongs beside it."""
    try:
        day = date.fromisoformat(st.query_params.get(DAY, ""))
    except ValueError:
        return newest.year
    return day.year if FIRST_DAY <= day <= newest else newest.year


def _choose_year() -> None:
    if selected := st.session_state["years"].selection[YEAR]:
        st.session_state[YEAR] = selected[0][YEAR]


def _choose_day(sheet: str) -> None:
    if selected := st.session_state[sheet].selection[DAY]:
        st.session_state[DAY] = date.fromisoformat(selected[0][DAY])


def _one_day(newest: date) -> None:
    wanted = st.date_input(
        "Day",
        value=newest,
        min_value=FIRST_DAY,
        max_value=newest,
        format="YYYY-MM-DD",
        key=DAY,
        bind="query-params",
        width=180,
    )
    if wanted is None:
        return
    with database().reading() as session:
        found = queries.day(session, wanted)
    if found is None:
        _badge(DayState.UNKNOWN)
        st.caption("Nobody asked for this day yet: the backfill below does.")
    else:
        _facts(found)


def _facts(found: DayFacts) -> None:
    line = found.line
    st.markdown(f"**{words.literal(line.title or 'No entry yet')}**")
    with st.container(horizontal=True, gap="xsmall"):
        _badge(line.state)
        if found.stand_in:
            st.badge(f"stand-in: {words.plain(found.stand_in.value)}", color="orange")
        elif found.media_type and found.media_type != "image":
            st.badge(words.literal(found.media_type), color="gray")
    if line.reason:
        st.caption(words.literal(line.reason))
    if line.sha256:
        st.image(here(files.thumbnail_address(line.sha256)), width=320, alt="")
    with st.container(horizontal=True):
        if line.image_id:
            _link(line.image_id, "The picture, before and after", ":material/compare:")
        if found.permalink:
            st.link_button("APOD's own page", found.permalink, icon=":material/open_in_new:")
    credit = [f"Credit: {found.credit}"] if found.credit else []
    rights = [f"© {found.copyright}"] if found.copyright else []
    if credit or rights:
        st.caption(words.literal(" · ".join(credit + rights)))
    if found.explanation:
        with st.expander("Explanation"):
            st.markdown(words.literal(found.explanation))


def _badge(state: DayState) -> None:
    color, icon = BADGES[state]
    st.badge(state.value, icon=icon, color=color)  # type: ignore[arg-type]


def _link(image_id: int, label: str, icon: str | None = None) -> None:
    st.page_link(
        "views/pictures.py",
        label=label,
        icon=icon,
        query_params={"picture": str(image_id)},
    )


def _gallery(year: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader(
            "Gallery",
            help="The year's doubled days, or all days of a title, whatever became of them.",
        )
        title = st.text_input(
            "Title",
            type="search",
            placeholder="Part of a title, in all years",
            key="title",
            bind="query-params",
            width=280,
        )
    title = (title or "").strip()
    which = DayFilter(title=title) if title else DayFilter(year=year, doubled=True)
    with database().reading() as session:
        total = queries.count_days(session, which)
    if total == 0:
        st.caption("No day has such a title." if title else "No day was doubled yet.")
        return
    cards = st.container()
    number = st.pagination(-(-total // PER_PAGE), key="page", bind="query-params")
    with database().reading() as session:
        lines = queries.newest_days(session, which, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
    with cards:
        st.caption(words.plural(total, "day"))
        with st.grid(COLUMNS, min_column_width=150, gap="small"):
            for line in lines:
                _card(line)


def _card(line: Day) -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        if line.sha256:
            st.image(here(files.thumbnail_address(line.sha256)), width="stretch", alt="")
        title = words.literal(line.title or str(line.day))
        if line.image_id:
            _link(line.image_id, title)
        else:
            st.markdown(title)
        _badge(line.state)
        st.caption(line.day.isoformat())


def _delays() -> None:
    st.subheader(
        "Delay of the service",
        help="How long after five past midnight in New York an entry could be had: between these "
        "two, of the days that the daily run waited for.",
    )
    late = delays(database(), DELAYS)
    if not late:
        st.caption("No day was waited for yet.")
        return
    st.altair_chart(_delay_chart(late), height=220, alt="Hours until each day's entry was there")


def _delay_chart(late: list[Delay]) -> alt.LayerChart:
    rows = [
        (delay.day.isoformat(), delay.at_least.total_seconds() / 3600, _hours(delay))
        for delay in late
    ]
    hours = pd.DataFrame(rows, columns=["day", "at least", "at most"])
    base = alt.Chart(hours).encode(x=alt.X("day:T", title=None))
    spans = base.mark_rule(strokeWidth=3, opacity=0.6).encode(
        y=alt.Y("at least:Q", title="hours"), y2="at most:Q"
    )
    ends = base.mark_point(filled=True).encode(
        y="at most:Q",
        tooltip=[
            "day",
            alt.Tooltip("at least", format=".1f"),
            alt.Tooltip("at most", format=".1f"),
        ],
    )
    chart: alt.LayerChart = spans + ends
    return chart


def _hours(delay: Delay) -> float:
    return delay.at_most.total_seconds() / 3600


page()
