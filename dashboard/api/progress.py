"""How far a picture has come: as JSON once, or as a stream of server-sent events."""

import asyncio
import json
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.concurrency import run_in_threadpool

from infra.database.engine import DatabaseUnavailable
from producers.following import Follower, Progress
from producers.submitting import Receipt

POLL_SECONDS = 0.5
"""How often a stream asks the database."""
_SILENCE_SECONDS = 15
"""How long a stream says nothing: proxies cut one that is silent for longer than some 30 s."""

_stopping = threading.Event()


def as_document(picture_id: str, progress: Progress) -> dict[str, Any]:
    """A picture as the OpenAPI document has it."""
    receipt, doubled = progress.receipt, progress.doubled
    return {
        "id": picture_id,
        "name": receipt.name,
        "sha256": receipt.sha256,
        "length": receipt.length,
        "state": progress.stage.value,
        "ended": progress.stage.ended,
        "says": str(progress),
        "reason": progress.reason,
        "detail": progress.detail,
        "page": f"/pictures?picture={progress.image_id}" if progress.image_id else None,
        "result": doubled
        and {
            "href": f"/v1/images/{picture_id}/result",
            "sha256": doubled.sha256,
            "width": doubled.width,
            "height": doubled.height,
            "seconds": doubled.seconds,
            "storedAt": doubled.stored_at.isoformat(),
        },
    }


async def as_events(picture_id: str, receipt: Receipt, follower: Follower) -> AsyncIterator[str]:
    """Every change from now on, until the picture has ended or this server ends.

    While the database is away the stream only says that it is still there.
    """
    told: Progress | None = None
    quiet = 0.0
    yield "retry: 1000\n\n"
    while not _stopping.is_set():
        progress = await run_in_threadpool(_look, follower, receipt)
        if progress is not None and progress != told:
            told, quiet = progress, 0.0
            yield f"event: progress\ndata: {json.dumps(as_document(picture_id, progress))}\n\n"
            if progress.stage.ended:
                return
        elif quiet >= _SILENCE_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS


def _look(follower: Follower, receipt: Receipt) -> Progress | None:
    """None while nobody can tell."""
    try:
        [progress] = follower.look([receipt])
    except DatabaseUnavailable:
        return None
    return progress


@contextmanager
def streams_ending_with_the_server() -> Iterator[None]:
    """Let streams end when a signal ends the server: it waits for all of its answers."""
    taken = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        _stopping.set()
        before = taken[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in taken:
            signal.signal(number, stop)
    yield
