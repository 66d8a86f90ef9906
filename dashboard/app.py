"""The dashboard's frame: its pages, and what all of them need first."""

from pathlib import Path

import streamlit as st

from dashboard import access
from dashboard.access import Right
from dashboard.connections import require_tables
from dashboard.notices import explained

st.set_page_config(
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    menu_items={"about": "Doublet doubles the resolution of pictures as they arrive."},
)
# Streamlit's small charts have a layer for the point under the mouse, which is empty otherwise and
# which screen readers would call a picture without a name.
st.html("<style>[class*=highlighted_points_marks]:empty { visibility: hidden }</style>")
# The folder is not called `pages`: Streamlit would take that for its older way of having pages.
page = st.navigation(
    [
        st.Page(
            "views/now.py",
            title="Now",
            icon=":material/monitor_heart:",
            default=True,
            help="Is every picture accounted for, and is it keeping up? Refreshes by itself.",
        ),
        st.Page(
            "views/pictures.py",
            title="Pictures",
            icon=":material/photo_library:",
            help="Every picture with its state; one picture before and after, or why not.",
        ),
        st.Page(
            "views/apod.py",
            title="APOD",
            icon=":material/calendar_month:",
            help="What became of every Astronomy Picture of the Day, and the backfill.",
        ),
        st.Page(
            "views/submit.py",
            title="Submit",
            icon=":material/upload:",
            help="Hand pictures in, and follow each to its end.",
        ),
        st.Page(
            "views/trouble.py",
            title="Trouble",
            icon=":material/report:",
            help="Alerts, dead letters and faults: what needs a person, and how it ended.",
        ),
        st.Page(
            "views/models.py",
            title="Models",
            icon=":material/network_intelligence:",
            help="Versions, how good they are and what they cost; promote and roll back.",
        ),
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} · Doublet")

st.title(page.title)
access.show_login()
with explained():
    if not access.may(Right.LOOK, "see anything here"):
        st.stop()
    require_tables()
    page.run()
