"""The body of a request, taken into a file piece by piece, and no further than the limit."""

import asyncio
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request

from dashboard.api.problems import Problem
from infra.admission import Limits
from producers.api_pictures import ABANDONED

_SECONDS = ABANDONED.total_seconds() * 2 / 3
"""How long a body may take; the rest of its place's time is for Kafka."""


async def receive(request: Request, path: Path, limits: Limits) -> None:
    """Write a request's body to a file.

    Raises:
        BadPicture: it is longer than a picture may be; the rest was not read.
        Problem: it came too slowly.
        ClientDisconnect: whoever sent it is gone.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        limits.require_length(int(announced))
    length = 0
    try:
        async with asyncio.timeout(_SECONDS):
            with path.open("wb") as file:
                async for piece in request.stream():
                    length += len(piece)
                    if piece:
                        limits.require_length(length)
                        file.write(piece)
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT, f"the picture was not here after {_SECONDS:.0f} s"
        ) from error
