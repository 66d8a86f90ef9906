"""Hand pictures in, and follow each to its end."""

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import files, words
from dashboard.access import Right, may
from dashboard.addresses import here
from dashboard.connections import database, submitter
from dashboard.notices import explained
from dashboard.quota import charged
from infra.admission import MEDIA_TYPES, BadPicture
from infra.errors import Unavailable
from infra.settings import settings
from producers.api_pictures import QuotaUsedUp
from producers.following import Follower, Progress, Stage

FOLLOW_SECONDS = 1
PREVIEW_WIDTH = 160  # beside the progress, also on a phone
STEPS = {
    Stage.QUEUED: (0.25, "on Kafka, waiting for a consumer"),
    Stage.WORKING: (0.6, "being doubled"),
    Stage.RETRYING: (0.6, "being tried again"),
}


@dataclass(frozen=True)
class Refused:
    """A file that was not handed in, and why."""

    name: str
    why: str


def page() -> None:
    """The limits, the files, and what becomes of them."""
    if not may(Right.SUBMIT, "hand pictures in"):
        return
    st.caption(_limits())
    again = st.checkbox(
        "Double again what was doubled before",
        help="Of the files that are dropped from now on. Else the same bytes are doubled once.",
    )
    dropped = st.file_uploader(
        "Pictures to double",
        accept_multiple_files=True,
        help="Handed in as soon as they are dropped.",
    )
    _hand_in(dropped, again=again)
    follow()


def _limits() -> str:
    limits = settings()
    return (
        f"{', '.join(MEDIA_TYPES)}, up to {limits.max_picture_pixels / 1e6:,.0f} megapixels and "
        f"{limits.max_picture_side:,} pixels a side."
    )


def _handed_in() -> dict[str, Progress | Refused]:
    """What this viewer handed in, by the upload's id, newest last, as last seen."""
    handed_in: dict[str, Progress | Refused] = st.session_state.setdefault("handed_in", {})
    return handed_in


def _hand_in(dropped: list[UploadedFile], *, again: bool) -> None:
    """All that are new. Each is shown at once, until `follow` shows them all: the first of many is
    doubled long before the last was read."""
    handed_in = _handed_in()
    meanwhile = st.empty()
    with meanwhile.container():
        stopped = None
        for file in dropped:
            if file.file_id in handed_in:
                continue
            try:
                handed_in[file.file_id] = _handed(file, again=again)
            except (Unavailable, QuotaUsedUp) as error:
                stopped = (file.name, error)
                break
            _show(handed_in[file.file_id])
    meanwhile.empty()
    if stopped:
        name, why = (words.literal(str(part)) for part in stopped)
        st.error(why, title=f"{name} is not handed in")
        st.button("Try again", icon=":material/replay:")


def _handed(file: UploadedFile, *, again: bool) -> Progress | Refused:
    try:
        with st.spinner(f"Handing in {words.literal(file.name)}"):
            receipt = charged(lambda: submitter().submit(file.name, file.getvalue(), again=again))
    except BadPicture as error:
        return Refused(file.name, str(error))
    return Progress(receipt, Stage.QUEUED)


@st.fragment(run_every=FOLLOW_SECONDS)
def follow() -> None:
    """Every file to its end, the newest first."""
    with explained():
        handed_in = _handed_in()
        _look(handed_in)
        for key, file in reversed(handed_in.items()):
            with st.container(border=True, key=f"file-{key}"):
                _show(file)


def _look(handed_in: dict[str, Progress | Refused]) -> None:
    """Ask what became of the files that have not ended yet."""
    underway = {
        key: file.receipt
        for key, file in handed_in.items()
        if isinstance(file, Progress) and not file.stage.ended
    }
    if underway:
        handed_in.update(
            zip(underway, Follower(database()).look(list(underway.values())), strict=True)
        )


def _show(file: Progress | Refused) -> None:
    if isinstance(file, Refused):
        _refused(file)
    else:
        _progress(file)


def _refused(file: Refused) -> None:
    why = words.literal(file.why)
    st.markdown(f":red-badge[:material/block: not taken] **{words.literal(file.name)}**: {why}")


def _progress(progress: Progress) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if progress.stage is not Stage.DEAD:  # one that cannot be decoded cannot be shown
            st.image(
                here(files.preview_address(progress.receipt.sha256)),
                caption="Bicubic",
                alt=f"{progress.receipt.name}, doubled by bicubic interpolation",
                width=PREVIEW_WIDTH,
            )
        with st.container():
            _standing(progress)


def _standing(progress: Progress) -> None:
    receipt, stage = progress.receipt, progress.stage
    name = words.literal(receipt.name)
    if stage in STEPS:
        share, says = STEPS[stage]
        st.progress(share, f"**{name}**: {says}")
    elif stage.doubled:
        st.progress(1.0, f"**{name}**: {progress}")
    else:
        reasons = filter(None, (words.plain(progress.reason or ""), progress.detail))
        why = words.literal(": ".join(reasons))
        st.markdown(f":red-badge[:material/dangerous: {stage.value}] **{name}**: {why}")
    if progress.image_id is not None:
        st.page_link(
            "views/pictures.py",
            label="Look at it" if stage.doubled else "Where it is",
            icon=":material/image:",
            query_params={"picture": str(progress.image_id)},
        )


page()
