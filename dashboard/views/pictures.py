"""Every picture with its state; one picture before and after, or why it is not done."""

from typing import Literal
from urllib.parse import urljoin

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import files, words
from dashboard.comparison import Side, comparison
from dashboard.connections import database
from dashboard.notices import explained
from dashboard.queries.pictures import (
    Picture,
    PictureFilter,
    PictureLine,
    ResultFacts,
    count_pictures,
    picture,
    pictures,
)
from dashboard.queries.running import STAGES
from infra.clock import utc_now
from infra.database.models import ImageState, Lane
from infra.publication import PublicationPolicy
from infra.settings import settings

COLUMNS = 6  # of cards on a wide screen; two on a phone
PER_PAGE = 24  # fills rows of 6, 4, 3 and 2 cards
FOLLOW_SECONDS = 2  # how often the page of a picture in flight asks again
THIS_PAGE = "views/pictures.py"

HASH_SHOWN = 32  # letters of an id or a hash: more than tells two apart
IN_FLIGHT = (ImageState.WORKING, ImageState.RETRYING)
LANES = {Lane.UPLOAD: "Upload", Lane.APOD: "APOD"}
PRIVATE = "Somebody has the copyright: its result is not told on the results topic."
Colour = Literal["blue", "orange", "green", "gray", "red"]
BADGES: dict[ImageState, tuple[Colour, str]] = {
    ImageState.WORKING: ("blue", ":material/autorenew:"),
    ImageState.RETRYING: ("orange", ":material/replay:"),
    ImageState.DONE: ("green", ":material/check:"),
    ImageState.SKIPPED: ("gray", ":material/skip_next:"),
    ImageState.DEAD: ("red", ":material/dangerous:"),
}


def page() -> None:
    """The picture that the address names, or else the list."""
    wanted = st.query_params.get("picture")
    if wanted is None:
        listing()
        return
    # A link from this page to itself reaches the script, but not the browser's address.
    st.query_params.from_dict({"picture": wanted})
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
        st.caption(words.plural(total, "picture"))
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
    return PictureFilter(tuple(states), lane, (name or "").strip())


def _nothing(which: PictureFilter) -> None:
    if which == PictureFilter():
        st.info("No picture has come yet.", icon=":material/photo_library:")
        st.page_link("views/submit.py", label="Submit the first one", icon=":material/upload:")
    else:
        st.info("No picture passes this filter.", icon=":material/filter_alt:")


def _card(line: PictureLine) -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        if line.sha256 and line.width:
            st.image(_here(files.thumbnail_address(line.sha256)), width="stretch", alt="")
        st.page_link(
            THIS_PAGE, label=words.literal(line.name), query_params={"picture": str(line.id)}
        )
        with st.container(horizontal=True, gap="xsmall"):
            _badge(line.state)
            st.badge(LANES[line.lane], color="gray")
        st.caption(_facts(line))


def _badge(state: ImageState) -> None:
    color, icon = BADGES[state]
    st.badge(state.value, icon=icon, color=color)


def _facts(line: PictureLine) -> str:
    size = words.pixels(line.width, line.height) if line.width and line.height else ""
    reason = words.plain(line.reason) if line.reason else ""
    when = words.ago(line.received_at, utc_now())
    return " · ".join(fact for fact in (reason, size, when) if fact)


def one_picture(image_id: int) -> None:
    """All of one picture; asks again by itself while it is in flight."""
    with database().reading() as session:
        found = picture(session, image_id)
    st.button("All pictures", icon=":material/arrow_back:", on_click=st.query_params.clear)
    if found is None:
        no_such(str(image_id))
        return
    line = found.line
    st.header(words.literal(line.name), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        _badge(line.state)
        st.badge(LANES[line.lane], color="gray")
        if PublicationPolicy.of(settings()).is_private(line.lane, found.copyright):
            st.badge("private", icon=":material/copyright:", color="orange", help=PRIVATE)
    if found.remark:
        st.info(words.literal(found.remark), icon=":material/info:")
    if found.result and line.sha256 and line.width and line.height:
        _doubled(found, found.result)
    elif line.state in IN_FLIGHT:
        _follow(image_id)
    else:
        _ended(found)
    _provenance(found)


def no_such(wanted: str) -> None:
    """An address that leads nowhere."""
    st.info(f"There is no picture {wanted[:20]!r}.", icon=":material/search_off:")


def _doubled(found: Picture, result: ResultFacts) -> None:
    line = found.line
    comparison(
        _side("Before", line.sha256 or "", line.width or 0, line.height or 0),
        _side("After", result.sha256, result.width, result.height),
        name=line.name,
        key=f"comparison-{result.id}",
    )
    if max(result.width, result.height) > files.DETAIL:
        st.caption(
            f"Shown with at most {files.DETAIL:,} pixels a side; the download has every pixel."
        )
    with st.container(horizontal=True):
        st.link_button(
            f"Doubled picture ({words.size(result.bytes)})",
            _here(files.result_address(result.id)),
            icon=":material/download:",
            type="primary",
        )
        st.link_button(
            f"Original ({words.size(found.bytes or 0)})",
            _here(files.original_address(line.id)),
            icon=":material/download:",
        )
    facts, stages = st.columns(2, gap="medium")
    with facts:
        st.subheader("Result", anchor=False)
        _table(
            {
                "Size": f"{words.pixels(line.width or 0, line.height or 0)} → "
                f"{words.pixels(result.width, result.height)}",
                "Model": f"{result.model}, version {result.version}",
                "Mean spread": "not measured"
                if result.mean_spread is None
                else f"{result.mean_spread:.2f} grey levels",
                "Tiles": f"{result.tiles:,}",
                "Stored": words.utc(result.stored_at),
                "Notes": found.notes,
            }
        )
    with stages:
        st.subheader("Stages", anchor=False, help="Measured while this picture was doubled.")
        _stages(result)


def _side(label: str, sha256: str, width: int, height: int) -> Side:
    return Side(
        label=f"{label}: {words.pixels(width, height)}",
        overview=_here(files.preview_address(sha256, files.OVERVIEW)),
        detail=_here(files.preview_address(sha256, files.DETAIL)),
        width=width,
        height=height,
    )


def _stages(result: ResultFacts) -> None:
    seconds = pd.DataFrame({"stage": STAGES, "seconds": result.seconds})
    bars = (
        alt.Chart(seconds)
        .mark_bar(cornerRadius=3)
        .encode(
            y=alt.Y("stage:N", sort=list(STAGES), title=None, axis=alt.Axis(labelOverlap=False)),
            x=alt.X("seconds:Q", title="seconds"),
            tooltip=["stage", alt.Tooltip("seconds:Q", format=".3g")],
        )
    )
    st.altair_chart(bars, height=230, alt="Seconds that each stage took")
    total = sum(result.seconds)
    st.caption(
        f"{words.duration(total)} in all, of which {words.duration(result.seconds[0])} waiting."
    )


@st.fragment(run_every=FOLLOW_SECONDS)
def _follow(image_id: int) -> None:
    """Where a picture in flight is; the whole page again once it has ended."""
    with explained():
        with database().reading() as session:
            found = picture(session, image_id)
        if found is None or found.line.state not in IN_FLIGHT:
            st.rerun()
        line = found.line
        tries = words.plural(line.attempts, "attempt")
        if line.state is ImageState.RETRYING:
            because = f" because {words.literal(found.detail)}" if found.detail else ""
            st.warning(f"It is tried again{because} ({tries} so far).", icon=":material/replay:")
        else:
            st.info(f"It is being worked at ({tries} so far).", icon=":material/autorenew:")


def _ended(found: Picture) -> None:
    line, letter = found.line, found.dead_letter
    why = words.plain(line.reason) if line.reason else "no reason is known"
    detail = words.literal(found.detail or "")
    if line.state is ImageState.SKIPPED:
        st.info(detail, title=f"Skipped: {why}", icon=":material/skip_next:")
        return
    st.error(detail, title=f"Not doubled: {why}", icon=":material/dangerous:")
    if letter:
        _table(
            {
                "Failed in": f"stage {letter.stage}",
                "Tried": words.plural(letter.attempts, "time"),
                "First failure": words.utc(letter.first_failed_at),
                "Last failure": words.utc(letter.last_failed_at),
            }
        )


def _provenance(found: Picture) -> None:
    line, delivery = found.line, found.delivery
    st.subheader("Provenance", anchor=False)
    _table(
        {
            "Credit": found.credit,
            "Copyright": found.copyright,
            "Event": f"{_short(found.event_id)} from {found.source}",
            "Kafka record": str(delivery) if delivery else None,
            "SHA-256": _short(line.sha256) if line.sha256 else None,
            "Media type": found.media_type,
            "Attempts": f"{line.attempts}",
            "Sent": words.utc(found.sent_at) if found.sent_at else None,
            "Received": words.utc(line.received_at),
            "Ended": words.utc(line.settled_at) if line.settled_at else None,
        }
    )


def _short(text: str) -> str:
    """A hash, or an id that ends in one, so far as people compare them."""
    return text if len(text) <= HASH_SHOWN else f"{text[:HASH_SHOWN]}…"


def _table(facts: dict[str, str | None]) -> None:
    """Facts that are known, by name; their values are shown letter by letter."""
    known = {name: words.literal(value) for name, value in facts.items() if value}
    st.table(known, border="horizontal", width="content")


def _here(path: str) -> str:
    """A path of ours as the viewer's browser reaches it."""
    return urljoin(st.context.url or f"http://127.0.0.1:{settings().dashboard_port}", path)


page()
