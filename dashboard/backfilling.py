"""The backfill on a page: how far it is, and what an operator may do with it."""

from datetime import date
from functools import cache

import streamlit as st

from dashboard import words
from dashboard.access import Right, may
from dashboard.connections import database
from dashboard.notices import explained
from infra.clock import utc_now
from infra.settings import Settings, settings
from producers.apod.days import FIRST_DAY, newest_day
from producers.backfill import Backfill, Progress
from producers.backfiller import open_backfill

FOLLOW_SECONDS = 3


@st.fragment(run_every=FOLLOW_SECONDS)
def show_backfill() -> None:
    """Progress, pause and resume, and asking for more days."""
    with explained(), st.container(border=True):
        backfill = _backfill(settings())
        progress = backfill.progress()
        _progress(progress)
        if not may(Right.OPERATE, "steer the backfill"):
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _ask_for(backfill)
            # Done here and not in callbacks: those run where nothing explains what went wrong.
            if progress.paused_at:
                if st.button("Resume", icon=":material/play_arrow:"):
                    backfill.resume()
                    st.rerun()
            elif progress.waiting and st.button("Pause", icon=":material/pause:"):
                backfill.pause()
                st.rerun()


def _progress(progress: Progress) -> None:
    if progress.total == 0:
        st.caption("No earlier day was asked for yet.")
        return
    days = words.plural(progress.total, "day")
    share = progress.ended / progress.total
    st.progress(share, f"{progress.ended:,} of {days}: {_outlook(progress)}")
    left = "" if progress.requests_left is None else f", {progress.requests_left:,} left"
    st.caption(
        f"{progress.published:,} sent, {progress.skipped:,} without a picture, "
        f"{progress.failed:,} given up · {words.plural(progress.requests_used, 'request')}{left}"
    )
    if progress.trouble and progress.rests_until:
        until = words.utc(progress.rests_until)
        st.warning(
            f"Rests until {until}: {words.literal(progress.trouble)}", icon=":material/bedtime:"
        )


def _outlook(progress: Progress) -> str:
    if progress.waiting == 0:
        return "all have ended"
    if progress.paused_at:
        return f"paused since {words.utc(progress.paused_at)}"
    if progress.seconds_left is None:
        return "just begun"
    return f"about {words.duration(progress.seconds_left)} left"


def _ask_for(backfill: Backfill) -> None:
    newest = newest_day(utc_now())
    stretch = st.date_input(
        "Days to ask for",
        value=(newest.replace(day=1), newest),
        min_value=FIRST_DAY,
        max_value=newest,
        format="YYYY-MM-DD",
        width=260,
    )
    if len(stretch) != 2:  # only the first day was chosen yet
        st.button("Ask for them", icon=":material/history:", disabled=True)
    elif st.button("Ask for them", icon=":material/history:"):
        _begin(backfill, stretch)


def _begin(backfill: Backfill, stretch: tuple[date, date]) -> None:
    asked = backfill.ask_for(*stretch)
    days = words.plural(asked.begun, "day")
    st.toast(f"{days} to ask for, {asked.days - asked.begun:,} known before.")
    st.rerun()


@cache
def _backfill(current: Settings) -> Backfill:
    return open_backfill(current, database())
