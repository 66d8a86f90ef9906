"""The calendar of APOD as charts: all years as bars, one year as a sheet of its days."""

from collections.abc import Iterable
from datetime import date, timedelta

import altair as alt
import pandas as pd

from dashboard.queries.days import Day, DayState
from producers.apod.days import FIRST_DAY, NEVER_PUBLISHED

COLOURS = {
    DayState.DOUBLED: "#0d9488",
    DayState.WAITING: "#6366f1",
    DayState.SKIPPED: "#94a3b8",
    DayState.FAILED: "#dc2626",
    DayState.UNKNOWN: "#94a3b833",
}
"""Told apart on light and on dark; what was never asked for is nearly the page's own."""

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
YEAR, DAY = "year", "day"
"""The selections' names, and the fields they select."""

_COLOUR = alt.Color(
    "state:N",
    scale=alt.Scale(domain=[state.value for state in COLOURS], range=list(COLOURS.values())),
    # Three in a row fit on a phone.
    legend=alt.Legend(orient="top", title=None, symbolStrokeWidth=0, columns=3),
)


def days_of(year: int, newest: date) -> list[date]:
    """The days of a year that had a picture, or have one to come until ``newest``."""
    first, last = max(FIRST_DAY, date(year, 1, 1)), min(newest, date(year, 12, 31))
    every = (first + timedelta(number) for number in range((last - first).days + 1))
    return [day for day in every if day not in NEVER_PUBLISHED]


def with_unknown(counts: dict[int, dict[DayState, int]], newest: date) -> pd.DataFrame:
    """Days by ``year`` and ``state``, those that nobody asked for yet among them."""
    rows = []
    for year in range(FIRST_DAY.year, newest.year + 1):
        known = counts.get(year, {})
        unknown = len(days_of(year, newest)) - sum(known.values())
        for state, number in {**known, DayState.UNKNOWN: max(0, unknown)}.items():
            rows.append((year, state.value, number))
    return pd.DataFrame(rows, columns=["year", "state", "days"])


def years_chart(counts: pd.DataFrame, chosen: int) -> alt.Chart:
    """Days of each year by state; a click on a year selects it."""
    chart: alt.Chart = (
        alt.Chart(counts)
        .mark_bar()
        .encode(
            x=alt.X("year:O", title=None, axis=alt.Axis(labelAngle=-90)),
            y=alt.Y("days:Q", title="days"),
            color=_COLOUR,
            order=alt.Order("rank:Q"),
            opacity=alt.condition(alt.datum.year == chosen, alt.value(1), alt.value(0.55)),
            tooltip=["year:O", "state", "days"],
        )
        .transform_calculate(rank=_rank())
        .add_params(alt.selection_point(name=YEAR, fields=["year"]))
    )
    return chart


def year_chart(year: int, known: Iterable[Day], newest: date) -> alt.Chart:
    """The days of one year, a row for each month, in the colours of `years_chart`; a click on a day
    selects it.
    """
    lines = {line.day: line for line in known}
    rows = [_cell(day, lines.get(day)) for day in days_of(year, newest)]
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_rect(cornerRadius=2, stroke="#8886", strokeWidth=0.5)
        .encode(
            x=alt.X("date:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("month:O", sort=MONTHS, title=None, axis=alt.Axis(labelOverlap=False)),
            color=_COLOUR.legend(None),
            tooltip=["day", "state", "title", "reason"],
        )
        .add_params(alt.selection_point(name=DAY, fields=["day"]))
    )
    return chart


def _cell(day: date, line: Day | None) -> dict[str, object]:
    return {
        "day": day.isoformat(),
        "date": day.day,
        "month": MONTHS[day.month - 1],
        "state": (line.state if line else DayState.UNKNOWN).value,
        "title": line.title if line else None,
        "reason": line.reason if line else None,
    }


def _rank() -> str:
    """A Vega expression: the place of a state in the legend, so that bars are stacked so."""
    return f"indexof({[state.value for state in COLOURS]}, datum.state)"
