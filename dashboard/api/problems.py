"""What goes wrong, as problem documents (RFC 9457)."""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from infra.admission import BadPicture
from infra.blobs import BlobMissing
from infra.errors import Unavailable
from infra.events.reasons import Reason
from producers.api_pictures import QuotaUsedUp

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

RETRY_SECONDS = 5
"""What a part that is away usually takes to come back, when it was restarted."""

_STATUS = {
    Reason.TOO_MANY_BYTES: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_MANY_PIXELS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.SIDE_TOO_LONG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.UNSUPPORTED_FORMAT: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
"""Of pictures that are not taken; 422 for all other reasons."""


class Problem(Exception):
    """An answer that is a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The document as a response."""
    document = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        **problem.more,
    }
    # What is left of a picture that was refused is not read: it may have no end.
    closing = {"connection": "close"} if request.method == "POST" else {}
    return JSONResponse(document, problem.status, problem.headers | closing, MEDIA_TYPE)


def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(request, error)


def _bad_picture(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadPicture)
    status = _STATUS.get(error.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    return answer(request, Problem(status, str(error), reason=error.reason.value))


def _quota(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QuotaUsedUp)
    seconds = max(1, math.ceil(error.free_in.total_seconds()))
    headers = {"retry-after": str(seconds)}
    return answer(request, Problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers))


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    headers = {"retry-after": str(RETRY_SECONDS)}
    return answer(request, Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers))


def _missing(request: Request, error: Exception) -> JSONResponse:
    return answer(request, Problem(HTTPStatus.NOT_FOUND, str(error)))


def _broken_off(request: Request, error: Exception) -> JSONResponse:
    return answer(request, Problem(HTTPStatus.BAD_REQUEST, "the request broke off"))


def _of_routing(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return answer(request, Problem(status, status.description, error.headers))


def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s: %r", request.method, request.url.path, error)
    return answer(
        request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of ours; see the log")
    )


HANDLERS = {
    Problem: _problem,
    BadPicture: _bad_picture,
    QuotaUsedUp: _quota,
    BlobMissing: _missing,
    Unavailable: _unavailable,
    ClientDisconnect: _broken_off,
    HTTPException: _of_routing,
    Exception: _bug,
}
"""For Starlette, by what was raised."""
