"""Before and after in one frame: a divider, a zoom to single pixels, and how far to trust them.

The browser gets addresses, never a picture's bytes, and fetches the tiles that it shows. What it
shows (place, zoom, threshold) stands behind the ``#`` of the page's address.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_SCRIPTS = ("tiles.js", "trust.js", "gestures.js", "comparison.js")

_component = st.components.v2.component(
    "doublet_comparison",
    html=(_HERE / "comparison.html").read_text(),
    css=(_HERE / "comparison.css").read_text(),
    js="\n".join((_HERE / script).read_text() for script in _SCRIPTS),
)


@dataclass(frozen=True)
class Layer:
    """One of the pictures that are laid over each other."""

    label: str
    tiles: str
    """Address of what it says of its tiles."""
    factor: int
    """Pixels of the doubled picture for one of these tiles'."""
    enlarged: str | None = None
    """Beneath which the tiles of this picture at twice its size lie, to be shown in its place."""


@dataclass(frozen=True)
class Spread:
    """The members' disagreement about the picture after."""

    tiles: str
    steps: int
    """How many of the stored values make a grey level."""


@dataclass(frozen=True)
class Frame:
    """What is compared."""

    name: str
    """What the pictures show, for people who cannot see them."""
    width: int
    """Of the doubled picture, in pixels."""
    height: int
    befores: tuple[Layer, ...]
    """To choose from; the first is shown."""
    after: Layer
    spread: Spread | None = None


def comparison(frame: Frame, *, key: str) -> None:
    """Show the frame; ``key`` tells it from others on the page."""
    _component(key=key, data=asdict(frame))
