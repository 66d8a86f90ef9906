"""What a picture's state, and its way in, look like."""

from typing import Literal

import streamlit as st

from dashboard.queries.pictures import PictureLine
from infra.database.models import ImageState, Lane

LANES = {Lane.UPLOAD: "Upload", Lane.APOD: "APOD"}
Colour = Literal["blue", "orange", "green", "gray", "red"]
STATES: dict[ImageState, tuple[Colour, str]] = {
    ImageState.WORKING: ("blue", ":material/autorenew:"),
    ImageState.RETRYING: ("orange", ":material/replay:"),
    ImageState.DONE: ("green", ":material/check:"),
    ImageState.SKIPPED: ("gray", ":material/skip_next:"),
    ImageState.DEAD: ("red", ":material/dangerous:"),
}


def badges(line: PictureLine) -> None:
    """A picture's state, and how it came."""
    color, icon = STATES[line.state]
    st.badge(line.state.value, icon=icon, color=color)
    st.badge(LANES[line.lane], color="gray")
