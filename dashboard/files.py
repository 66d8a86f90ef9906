"""The addresses of pictures: previews for the pages, files to keep.

Pages name these addresses and the browser fetches what it shows: no page carries a picture's
bytes. What lies under a hash or an id never changes, so the browser may keep it for ever.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.access import Right, right_to_files
from dashboard.connections import blob_store, database
from dashboard.previews import NoPreview, Preview, fitting, thumbnail
from dashboard.queries.pictures import StoredFile, original_file, result_file
from infra.blobs import BadBlobReference, Blob, BlobMissing
from infra.errors import Unavailable
from infra.settings import settings

OVERVIEW = 2048
"""Longest side of a preview in pixels: fills a large screen."""
DETAIL = 4096
"""Longest side of a preview to zoom into: every pixel of a result of 16 megapixels."""
CARD = (320, 240)
"""Width and height of a thumbnail in pixels: a card of the list, sharp on a dense screen."""

RESULT_FACTOR = 4
"""A result has four times the pixels of the largest picture that is taken."""

_PREVIEWS_KEPT = 32
"""Some 2 MB each: what a few viewers look at in a minute."""
_THUMBNAILS_KEPT = 2_000
"""Some 15 kB each."""
_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}


def preview_address(sha256: str, side: int) -> str:
    """Where a preview no larger than ``side`` (OVERVIEW or DETAIL) is found."""
    return f"/previews/{sha256}/{side}"


def thumbnail_address(sha256: str) -> str:
    """Where a picture's thumbnail is found."""
    return f"/thumbnails/{sha256}"


def original_address(image_id: int) -> str:
    """Where a picture can be downloaded as it was handed in."""
    return f"/originals/{image_id}"


def result_address(result_id: int) -> str:
    """Where a doubled picture can be downloaded."""
    return f"/results/{result_id}"


Handler = Callable[[Request], Response]


def _refusing(handler: Handler) -> Handler:
    """Answer our own errors with a status and their line; Starlette runs it in a thread."""

    @wraps(handler)
    def refusing(request: Request) -> Response:
        if right_to_files(request) < Right.LOOK:
            return PlainTextResponse("log in to see pictures", 401)
        try:
            return handler(request)
        except (BlobMissing, BadBlobReference) as error:
            return PlainTextResponse(str(error), 404)
        except NoPreview as error:
            return PlainTextResponse(str(error), 415)
        except Unavailable as error:
            return PlainTextResponse(str(error), 503)

    return refusing


@_refusing
def _preview(request: Request) -> Response:
    side = request.path_params["side"]
    if side not in (OVERVIEW, DETAIL):
        raise BlobMissing(f"previews have sides of {OVERVIEW} or {DETAIL} pixels")
    return _shown(_fitting(request.path_params["sha256"], side))


@_refusing
def _thumbnail(request: Request) -> Response:
    return _shown(_card(request.path_params["sha256"]))


@_refusing
def _original(request: Request) -> Response:
    with database().reading() as session:
        return attached(original_file(session, request.path_params["id"]))


@_refusing
def _result(request: Request) -> Response:
    with database().reading() as session:
        return attached(result_file(session, request.path_params["id"]))


ROUTES = [
    Route("/previews/{sha256}/{side:int}", _preview),
    Route("/thumbnails/{sha256}", _thumbnail),
    Route("/originals/{id:int}", _original),
    Route("/results/{id:int}", _result),
]


@lru_cache(_PREVIEWS_KEPT)
def _fitting(sha256: str, side: int) -> Preview:
    return fitting(blob_store().get(Blob(sha256)), side, _most_pixels())


@lru_cache(_THUMBNAILS_KEPT)
def _card(sha256: str) -> Preview:
    return thumbnail(blob_store().get(Blob(sha256)), *CARD, _most_pixels())


def _most_pixels() -> int:
    return RESULT_FACTOR * settings().max_picture_pixels


def _shown(picture: Preview) -> Response:
    return Response(picture.content, media_type=picture.media_type, headers=_FOR_EVER)


def attached(file: StoredFile | None, caching: dict[str, str] = _FOR_EVER) -> Response:
    """A file to keep.

    Raises:
        BlobMissing: there is none.
        BlobStoreUnavailable: nobody can tell now.
    """
    if file is None:
        raise BlobMissing("there is no such picture")
    # An attachment that is not sniffed: whatever somebody handed in is never run as a page.
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
        "x-content-type-options": "nosniff",
    }
    content = blob_store().get(Blob(file.sha256))
    return Response(content, media_type=file.media_type, headers=headers | caching)
