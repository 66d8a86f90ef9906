"""How a viewer's browser reaches what this server has beside its pages."""

from urllib.parse import urljoin

import streamlit as st

from infra.settings import settings


def here(path: str) -> str:
    """A path of ours as the viewer's browser reaches it."""
    return urljoin(st.context.url or f"http://127.0.0.1:{settings().dashboard_port}", path)
