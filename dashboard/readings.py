"""What the pages read, shared by all viewers for the seconds between two refreshes."""

from datetime import timedelta

import streamlit as st

from dashboard.connections import database
from dashboard.queries import running
from dashboard.standing import Standing, read_standing
from infra.clock import utc_now
from infra.settings import Settings, settings

REFRESH_SECONDS = 5
"""How often a page asks again by itself."""
FRESH_SECONDS = 4
"""How long an answer is shared: just under a refresh."""


def standing() -> Standing:
    """How everything stands, at most FRESH_SECONDS ago.

    Raises:
        DatabaseUnavailable: it is away.
    """
    return _standing(settings())


def doublings(window: timedelta) -> list[running.Doubling]:
    """The results of the last ``window``, as of at most FRESH_SECONDS ago.

    Raises:
        DatabaseUnavailable: it is away.
    """
    return _doublings(settings().database, window)


def lag(window: timedelta) -> running.LagHistory:
    """The lag over the last ``window``, as of at most FRESH_SECONDS ago.

    Raises:
        DatabaseUnavailable: it is away.
    """
    return _lag(settings().database, window)


# The database's URL is a key of these caches: another database has other answers.


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False, hash_funcs={Settings: hash})
def _standing(current: Settings) -> Standing:
    return read_standing(database(), current)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def _doublings(url: str, window: timedelta) -> list[running.Doubling]:
    with database().reading() as session:
        return running.doublings(session, utc_now() - window)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def _lag(url: str, window: timedelta) -> running.LagHistory:
    with database().reading() as session:
        return running.lag(session, utc_now() - window)
