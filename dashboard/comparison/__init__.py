"""Before and after in one frame: a divider that moves by mouse, touch and keyboard, and a zoom.

The browser gets addresses, never a picture's bytes. Zooming in shows the single pixels of both
pictures at the same place; a sharper preview is fetched only then.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "doublet_comparison",
    html=(_HERE / "comparison.html").read_text(),
    css=(_HERE / "comparison.css").read_text(),
    js=(_HERE / "comparison.js").read_text(),
)


@dataclass(frozen=True)
class Side:
    """One of the two pictures."""

    label: str
    overview: str
    """Address of a preview of the whole."""
    detail: str
    """Address of the preview to zoom into."""
    width: int
    """Of the picture itself, in pixels."""
    height: int


def comparison(before: Side, after: Side, *, name: str, key: str) -> None:
    """Show two pictures of the same thing, whatever their sizes, one over the other.

    Args:
        name: what the pictures show, for people who cannot see them.
        key: tells this comparison from others on the page.
    """
    _component(key=key, data={"before": asdict(before), "after": asdict(after), "name": name})
