"""The addresses below ``/v1``."""

import json
import re
import tempfile
import time
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import Right, visitor_right
from dashboard.api import problems
from dashboard.api.bodies import receive
from dashboard.api.problems import Problem
from dashboard.api.progress import as_document, as_events
from dashboard.connections import database, submitter
from dashboard.files import attached
from dashboard.metrics import HTTP_REQUESTS, HTTP_SECONDS
from dashboard.queries.pictures import StoredFile
from infra import tracing
from infra.admission import Limits
from infra.settings import settings
from producers.api_keys import ApiKeys
from producers.api_pictures import ApiPictures, Holder
from producers.following import Follower, Progress, Stage
from producers.results import doubled_name
from producers.submitting import Receipt

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_BOOLEANS = {"true": True, "false": False}
_BYTES = "application/octet-stream"
_NOT_KEPT = {"cache-control": "no-store"}


async def _hand_in(request: Request) -> Response:
    facts = {"http.request.method": "POST", "http.route": "/v1/images"}
    parent = request.headers.get(tracing.TRACEPARENT)
    with tracing.span("POST /v1/images", tracing.Kind.SERVER, facts, parent):
        return await _taken(request)


async def _taken(request: Request) -> Response:
    name, again = _question(request)
    # No other type: a page of another site cannot make a browser send one of these unasked.
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _BYTES and not media_type.startswith("image/"):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is the picture itself: content-type is image/… or {_BYTES}",
        )
    holder = await run_in_threadpool(_holder, request)
    pictures = ApiPictures(database())
    picture_id = await run_in_threadpool(pictures.keep_place, holder)
    try:
        with tempfile.TemporaryDirectory(prefix="doublet-") as folder:
            path = Path(folder) / "picture"
            await receive(request, path, Limits.of(settings()))
            receipt = await run_in_threadpool(_submit, name, path, again)
        await run_in_threadpool(pictures.fill, picture_id, receipt)
    except BaseException:
        await run_in_threadpool(pictures.give_up, picture_id)
        raise
    document = as_document(picture_id, Progress(receipt, Stage.QUEUED))
    location = {"location": f"/v1/images/{picture_id}"}
    return JSONResponse(document, HTTPStatus.ACCEPTED, location)


async def _follow(request: Request) -> Response:
    picture_id, receipt = await run_in_threadpool(_receipt, request)
    follower = Follower(database())
    if request.method == "GET" and "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(
            as_events(picture_id, receipt, follower),
            media_type="text/event-stream",
            headers=_NOT_KEPT,
        )
    [progress] = await run_in_threadpool(follower.look, [receipt])
    return JSONResponse(as_document(picture_id, progress), headers=_NOT_KEPT)


def _result(request: Request) -> Response:
    _, receipt = _receipt(request)
    [progress] = Follower(database()).look([receipt])
    if progress.doubled is None:
        raise Problem(HTTPStatus.CONFLICT, f"there is no result: {progress}", state=progress.stage)
    name = doubled_name(receipt.name)
    return attached(StoredFile(name, progress.doubled.sha256, "image/png"), _NOT_KEPT)


def _openapi(request: Request) -> Response:
    return JSONResponse(openapi())


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI document of these addresses."""
    document: dict[str, Any] = json.loads(
        files("dashboard.api").joinpath("openapi.json").read_text()
    )
    return document


def _question(request: Request) -> tuple[str, bool]:
    """The name and ``again`` of the query."""
    for parameter in ("name", "again"):
        if len(request.query_params.getlist(parameter)) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{parameter} is given more than once")
    again = request.query_params.get("again", "false")
    if again not in _BOOLEANS:
        raise Problem(HTTPStatus.BAD_REQUEST, f"again is true or false, not {again[:40]!r}")
    return request.query_params.get("name", "unnamed"), _BOOLEANS[again]


def _holder(request: Request) -> Holder:
    """Whose request it is, by its key."""
    given = request.headers.get("authorization")
    if given is None:
        current = settings()
        if current.http_anonymous_per_day and visitor_right(current) >= Right.SUBMIT:
            return Holder(None, current.http_anonymous_per_day)
        raise _unauthorized("a key is needed: `doublet keys create`")
    scheme, _, secret = given.partition(" ")
    key = ApiKeys(database()).find(secret.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise _unauthorized("there is no such key, or it was revoked")
    return Holder(key.id, key.per_day)


def _unauthorized(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"www-authenticate": 'Bearer realm="doublet"'})


def _receipt(request: Request) -> tuple[str, Receipt]:
    picture_id = request.path_params["id"]
    holder = _holder(request)
    found = ApiPictures(database()).find(picture_id, holder) if _ID.fullmatch(picture_id) else None
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such picture under this key")
    return picture_id, found


def _submit(name: str, path: Path, again: bool) -> Receipt:
    return submitter().submit(name, path, again=again)


_ROUTES = [
    Route("/v1/images", _hand_in, methods=["POST"]),
    Route("/v1/images/{id}", _follow, methods=["GET"]),
    Route("/v1/images/{id}/result", _result, methods=["GET"]),
    Route("/v1/openapi.json", _openapi, methods=["GET"]),
]


def _pattern(scope: Scope) -> tuple[str, str]:
    """Method and address of a request that was answered, for counting; what was made up is one."""
    for route in _ROUTES:
        if scope.get("endpoint") is route.endpoint and scope["method"] in (route.methods or ()):
            return scope["method"], route.path
    return "other", "other"


class HttpDoor:
    """Answers what is below ``/v1``, in front of the pages: those have answers of their own for
    odd addresses, which are no problem documents."""

    def __init__(self, pages: ASGIApp) -> None:
        self._pages = pages
        self._door = Starlette(
            routes=_ROUTES,
            exception_handlers=problems.HANDLERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            return await self._pages(scope, receive, send)
        began, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._door(scope, receive, noting)
        finally:
            method, path = _pattern(scope)
            HTTP_REQUESTS.labels(method, path, str(status)).inc()
            HTTP_SECONDS.labels(method, path).observe(time.monotonic() - began)
