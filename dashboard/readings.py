"""What the pages read, shared by all viewers for the seconds between two refreshes."""

from datetime import timedelta

import streamlit as st

from dashboard.connections import database
from dashboard.probes import ModelServerAnswer, ask_model_server
from dashboard.queries import running
from dashboard.standing import Standing, read_standing
from infra.clock import utc_now
from infra.settings import Settings, settings
from producers.lag import SAMPLE_SECONDS

REFRESH_SECONDS = 5
"""How often a page asks again by itself."""
FRESH_SECONDS = 4
"""How long an answer is shared: just under a refresh."""
WINDOWS_KEPT = 8
"""Twice as many as there are to choose from; some 1 MB each."""


def standing() -> Standing:
    """How everything stands, at most FRESH_SECONDS ago.

    Raises:
        DatabaseUnavailable: it is away.
    """
    return _standing(settings())


def model_server() -> ModelServerAnswer:
    """What the model server says, at most FRESH_SECONDS ago; never raises."""
    return _model_server(settings())


def doublings(window: timedelta, ended: int) -> list[running.Doubling]:
    """The results of the last ``window``.

    Args:
        ended: how many records have ended; as long as none has, nothing is asked anew.

    Raises:
        DatabaseUnavailable: it is away.
    """
    since = utc_now() - window
    known = _doublings(settings().database, window, ended)
    return [doubling for doubling in known if doubling.stored_at >= since]


def lag(window: timedelta) -> running.LagHistory:
    """The lag over the last ``window``, read no oftener than it is sampled.

    Raises:
        DatabaseUnavailable: it is away.
    """
    return _lag(settings().database, window)


# The database's URL is a key of these caches: another database has other answers.


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False, hash_funcs={Settings: hash})
def _standing(current: Settings) -> Standing:
    return read_standing(database(), current)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False, hash_funcs={Settings: hash})
def _model_server(current: Settings) -> ModelServerAnswer:
    return ask_model_server(current)


@st.cache_data(max_entries=WINDOWS_KEPT, show_spinner=False)
def _doublings(url: str, window: timedelta, ended: int) -> list[running.Doubling]:
    with database().reading() as session:
        return running.doublings(session, utc_now() - window)


@st.cache_data(ttl=SAMPLE_SECONDS, show_spinner=False)
def _lag(url: str, window: timedelta) -> running.LagHistory:
    with database().reading() as session:
        return running.lag(session, utc_now() - window)
