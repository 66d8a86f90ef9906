"""The dashboard's server: Streamlit's pages, the pictures, the HTTP door and a heartbeat."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard import access
from dashboard.api.progress import streams_ending_with_the_server
from dashboard.api.routes import HttpDoor
from dashboard.files import ROUTES
from dashboard.metrics import DASHBOARD
from infra import logs, metrics
from infra.database.engine import Database
from infra.database.models import PartState
from infra.parts import Condition, Heartbeat
from infra.settings import MEBIBYTE, Settings, settings

log = logging.getLogger(__name__)

_ROOM = Path(__file__).parent


def serve() -> None:
    """Serve until a signal ends it."""
    current = settings()
    app = st.App(
        _ROOM / "app.py",
        routes=[*ROUTES, Route(metrics.PATH, _metrics)],
        middleware=[Middleware(HttpDoor)],
        lifespan=_beating,
        secrets=access.secrets(current),
    )
    app.run(config=_config(current))


def _config(current: Settings) -> dict[str, Any]:
    return {
        "server.address": current.dashboard_host,
        "server.port": current.dashboard_port,
        "server.headless": True,
        "server.maxUploadSize": max(1, current.max_picture_bytes // MEBIBYTE),
        # Nobody edits the sources of a running dashboard.
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        # It is not a line of a log.
        "logger.hideWelcomeMessage": current.log_format == "json",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": False,
        "theme.base": str(_ROOM / "theme.toml"),
    }


def _metrics(_: Request) -> Response:
    """For everybody: there are numbers in it, and neither names nor pictures."""
    return Response(DASHBOARD.page(), headers={"content-type": metrics.CONTENT_TYPE})


@asynccontextmanager
async def _beating(_: st.App) -> AsyncIterator[None]:
    current = settings()
    if current.log_format == "json":
        logs.adopt_libraries()  # by now, Streamlit's loggers have theirs
    log.info("serving on port %d", current.dashboard_port)
    database = Database(current.database)
    heartbeat = Heartbeat(database, "dashboard")
    with streams_ending_with_the_server(), heartbeat.beating(lambda: Condition(PartState.RUNNING)):
        yield
    heartbeat.stopped()
    database.close()
