"""Every picture with its state, or the one that the address names."""

import streamlit as st

from dashboard import files, words
from dashboard.addresses import here
from dashboard.badges import LANES, badges
from dashboard.connections import database
from dashboard.queries.counting import MOST_COUNTED
from dashboard.queries.pictures import (
    PictureFilter,
    PictureLine,
    count_pictures,
    pictures,
)
from dashboard.views.one_picture import no_such, one_picture
from infra.clock import utc_now
from infra.database.models import ImageState, Lane

COLUMNS = 6  # of cards on a wide screen; two on a phone
PER_PAGE = 24  # fills rows of 6, 4, 3 and 2 cards
THIS_PAGE = "views/pictures.py"


def page() -> None:
    """The picture that the address names, or else the list."""
    wanted = st.query_params.get("picture")
    if wanted is None:
        listing()
        return
    # A link from this page to itself reaches the script, but not the browser's address.
    kept = {
        name: st.query_params[name] for name in ("picture", "result") if name in st.query_params
    }
    st.query_params.from_dict(kept)
    if wanted.isdecimal():
        one_picture(int(wanted))
    else:
        no_such(wanted)


def listing() -> None:
    """Filters, cards, and the way to the other cards."""
    which = _filter()
    with database().reading() as session:
        total = count_pictures(session, which)
    if total == 0:
        _nothing(which)
        return
    cards = st.container()
    number = st.pagination(-(-total // PER_PAGE), key="page", bind="query-params")
    with database().reading() as session:
        lines = pictures(session, which, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
    with cards:
        number_of = words.plural(total, "picture")
        st.caption(number_of if total < MOST_COUNTED else f"The newest {number_of}")
        with st.grid(COLUMNS, min_column_width=150, gap="small"):
            for line in lines:
                _card(line)


def _filter() -> PictureFilter:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        states = st.pills(
            "State",
            list(ImageState),
            selection_mode="multi",
            format_func=str,
            key="state",
            bind="query-params",
        )
        lane = st.pills(
            "Came by", list(Lane), format_func=LANES.__getitem__, key="lane", bind="query-params"
        )
        name = st.text_input(
            "Name",
            type="search",
            placeholder="Part of the name",
            key="name",
            bind="query-params",
            width=240,
        )
        day = st.date_input(
            "Day, UTC",
            value=None,
            format="YYYY-MM-DD",
            key="day",
            bind="query-params",
            width=150,
        )
    return PictureFilter(tuple(states), lane, (name or "").strip(), day)


def _nothing(which: PictureFilter) -> None:
    if which == PictureFilter():
        st.info("No picture has come yet.", icon=":material/photo_library:")
        st.page_link("views/submit.py", label="Submit the first one", icon=":material/upload:")
    else:
        st.info("No picture passes this filter.", icon=":material/filter_alt:")


def _card(line: PictureLine) -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        if line.sha256 and line.width:
            st.image(here(files.thumbnail_address(line.sha256)), width="stretch", alt="")
        st.page_link(
            THIS_PAGE, label=words.literal(line.name), query_params={"picture": str(line.id)}
        )
        with st.container(horizontal=True, gap="xsmall"):
            badges(line)
        st.caption(_facts(line))


def _facts(line: PictureLine) -> str:
    size = words.pixels(line.width, line.height) if line.width and line.height else ""
    reason = words.plain(line.reason) if line.reason else ""
    when = words.ago(line.received_at, utc_now())
    return " · ".join(fact for fact in (reason, size, when) if fact)


page()
