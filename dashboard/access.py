"""Who may do what on the dashboard: anybody, and the operators who log in.

Without an OpenID provider there is nobody to tell apart, and all hangs on what VISITORS says.
"""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import streamlit as st
from starlette.requests import Request
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks as signed_cookie,
)

from infra.errors import BadSetting
from infra.settings import Settings, settings

USER_COOKIE = "_streamlit_user"
"""In which Streamlit keeps, signed, what the provider says of who logged in."""


class Right(IntEnum):
    """What somebody may do; each includes those before it."""

    NONE = 0
    LOOK = 1
    SUBMIT = 2
    OPERATE = 3
    """Replay, discard, promote, start backfills."""


def secrets(current: Settings) -> dict[str, Any]:
    """What Streamlit needs to let people log in; nothing without an OpenID provider.

    Raises:
        BadSetting: there is a provider, but not all that goes with it.
    """
    if not current.oidc_metadata_url:
        return {}
    needed = {
        "DASHBOARD_URL": current.dashboard_url,
        "OIDC_CLIENT_ID": current.oidc_client_id,
        "OIDC_CLIENT_SECRET": current.oidc_client_secret.get_secret_value(),
        "COOKIE_SECRET": current.cookie_secret.get_secret_value(),
        "OPERATORS": current.operators,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise BadSetting(f"OIDC_METADATA_URL is set: set {', '.join(missing)} as well")
    return {
        "auth": {
            "redirect_uri": f"{current.dashboard_url.rstrip('/')}/oauth2callback",
            "cookie_secret": needed["COOKIE_SECRET"],
            "client_id": needed["OIDC_CLIENT_ID"],
            "client_secret": needed["OIDC_CLIENT_SECRET"],
            "server_metadata_url": current.oidc_metadata_url,
        }
    }


def right_of(identity: Mapping[str, Any], current: Settings) -> Right:
    """Of somebody of whom the provider says this; empty for a visitor.

    An e-mail address counts only if the provider says that it was verified. Providers that say
    nothing of it know their people by `sub`.
    """
    names = {identity.get("sub")}
    if identity.get("email_verified") is True:
        names.add(identity.get("email"))
    if names & {name.strip() for name in current.operators.split(",") if name.strip()}:
        return Right.OPERATE
    return visitor_right(current)


def visitor_right(current: Settings) -> Right:
    """Of somebody of whom nothing is known."""
    return Right[current.visitors.upper()]


def right() -> Right:
    """Of whoever looks at this page."""
    return right_of(_identity(), settings())


def right_to_files(request: Request) -> Right:
    """Of whoever asks for one of the addresses of pictures."""
    cookie = signed_cookie(request.cookies, USER_COOKIE) if _can_log_in() else None
    return right_of(json.loads(cookie) if cookie else {}, settings())


def may(needed: Right, what: str) -> bool:
    """Whether whoever looks may do it; says what it takes if not."""
    if right() >= needed:
        return True
    how = "log in as an operator" if _can_log_in() else "the setting VISITORS does not allow it"
    st.info(f"To {what}: {how}.", icon=":material/lock:")
    return False


def operates() -> bool:
    """Whether whoever looks may operate; for what is not even shown to others."""
    return right() is Right.OPERATE


def show_login() -> None:
    """Who is logged in, and the way in or out; nothing where nobody can log in."""
    if not _can_log_in():
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        identity = _identity()
        if not identity:
            st.button("Log in", icon=":material/login:", on_click=st.login)
            return
        name = identity.get("email") or identity.get("sub")
        st.caption(f"{name}, {'operator' if right() is Right.OPERATE else 'no operator'}")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)


def _can_log_in() -> bool:
    return bool(settings().oidc_metadata_url)


def _identity() -> Mapping[str, Any]:
    logged_in = _can_log_in() and st.user.is_logged_in
    return st.user.to_dict() if logged_in else {}
