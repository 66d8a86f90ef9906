"""The addresses of pictures: tiles and previews for the pages, files to keep.

Pages name these addresses and the browser fetches what it shows: no page carries a picture's
bytes. What lies under a hash or an id never changes, so the browser may keep it for ever.
"""

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache, wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.access import Right, right_to_files
from dashboard.connections import blob_store, database, pyramids
from dashboard.previews import NoPreview, Preview, enlarged, thumbnail
from dashboard.pyramids import NoSuchTile
from dashboard.queries.pictures import StoredFile, original_file, result_file
from dashboard.samples import sample
from infra.blobs import BadBlobReference, Blob, BlobMissing
from infra.errors import Unavailable
from infra.settings import Settings, settings
from serving.errors import ModelServerError

PREVIEW = 1024
"""Longest side of a preview in pixels: a card of the page Submit, sharp on a dense screen."""
CARD = (320, 240)
"""Width and height of a thumbnail in pixels: a card of the list, sharp on a dense screen."""

_NO_PREVIEW = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200">'
    '<rect width="320" height="200" fill="#8883"/><text x="160" y="105" fill="#888"'
    ' font-family="sans-serif" font-size="20" text-anchor="middle">no preview</text></svg>'
)
_PREVIEWS_KEPT = 64
"""Some 300 kB each."""
_THUMBNAILS_KEPT = 2_000
"""Some 15 kB each."""
_SAMPLES_KEPT = 256
"""Some 100 kB each."""
_FOR_A_WHILE = {"cache-control": "private, max-age=600"}
"""A version may be exported anew under the same number."""
_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}


def tiles_address(sha256: str) -> str:
    """Where a picture tells of its tiles; they lie beneath it, as ``<level>/<column>_<row>``."""
    return f"/tiles/{sha256}"


def bicubic_address(sha256: str) -> str:
    """Beneath which the tiles of a picture doubled by bicubic interpolation lie."""
    return f"/bicubic/{sha256}"


def preview_address(sha256: str) -> str:
    """Where a picture is found at twice its size, by bicubic interpolation, if that is small."""
    return f"/previews/{sha256}"


def thumbnail_address(sha256: str) -> str:
    """Where a picture's thumbnail is found."""
    return f"/thumbnails/{sha256}"


def original_address(image_id: int) -> str:
    """Where a picture can be downloaded as it was handed in."""
    return f"/originals/{image_id}"


def result_address(result_id: int) -> str:
    """Where a doubled picture can be downloaded."""
    return f"/results/{result_id}"


def sample_address(sha256: str, version: int) -> str:
    """Where a picture's middle is found, doubled just now by a version or BICUBIC."""
    return f"/samples/{sha256}/{version}"


_one_sample_at_a_time = threading.Lock()

Handler = Callable[[Request], Response]


def _refusing(handler: Handler) -> Handler:
    """Answer our own errors with a status and their line; Starlette runs it in a thread."""

    @wraps(handler)
    def refusing(request: Request) -> Response:
        if right_to_files(request) < Right.LOOK:
            return PlainTextResponse("log in to see pictures", 401)
        try:
            return handler(request)
        except (BlobMissing, BadBlobReference, NoSuchTile) as error:
            return PlainTextResponse(str(error), 404)
        except NoPreview as error:
            return PlainTextResponse(str(error), 415)
        except ModelServerError as error:
            return PlainTextResponse(str(error), 502)
        except Unavailable as error:
            return PlainTextResponse(str(error), 503)

    return refusing


@_refusing
def _about(request: Request) -> Response:
    about = pyramids().about(Blob(request.path_params["sha256"]))
    return JSONResponse(asdict(about), headers=_FOR_EVER)


@_refusing
def _tile(request: Request) -> Response:
    at = request.path_params
    return _shown(pyramids().tile(Blob(at["sha256"]), at["level"], at["column"], at["row"]))


@_refusing
def _bicubic(request: Request) -> Response:
    at = request.path_params
    return _shown(pyramids().bicubic(Blob(at["sha256"]), at["column"], at["row"]))


@_refusing
def _preview(request: Request) -> Response:
    """A file that says so in place of the picture, where it cannot be decoded.

    The page shows it as soon as it is handed in, when nobody knows yet: no fault of the page's,
    which a browser would report for an address that answers with one.
    """
    try:
        return _shown(_enlarged(request.path_params["sha256"]))
    except NoPreview:
        return Response(_NO_PREVIEW, media_type="image/svg+xml", headers=_FOR_EVER)


@_refusing
def _thumbnail(request: Request) -> Response:
    return _shown(_card(request.path_params["sha256"]))


@_refusing
def _sample(request: Request) -> Response:
    at = request.path_params
    made = _sampled(at["sha256"], at["version"], settings())
    return Response(made.content, media_type=made.media_type, headers=_FOR_A_WHILE)


@_refusing
def _original(request: Request) -> Response:
    with database().reading() as session:
        return attached(original_file(session, request.path_params["id"]))


@_refusing
def _result(request: Request) -> Response:
    with database().reading() as session:
        return attached(result_file(session, request.path_params["id"]))


ROUTES = [
    Route("/tiles/{sha256}", _about),
    Route("/tiles/{sha256}/{level:int}/{column:int}_{row:int}", _tile),
    Route("/bicubic/{sha256}/{column:int}_{row:int}", _bicubic),
    Route("/previews/{sha256}", _preview),
    Route("/thumbnails/{sha256}", _thumbnail),
    Route("/samples/{sha256}/{version:int}", _sample),
    Route("/originals/{id:int}", _original),
    Route("/results/{id:int}", _result),
]


@lru_cache(_PREVIEWS_KEPT)
def _enlarged(sha256: str) -> Preview:
    return enlarged(blob_store().get(Blob(sha256)), PREVIEW, settings().max_picture_pixels)


@lru_cache(_SAMPLES_KEPT)
def _sampled(sha256: str, version: int, current: Settings) -> Preview:
    with _one_sample_at_a_time:  # the model server has pictures to double, too
        return sample(blob_store().get(Blob(sha256)), version, current)


@lru_cache(_THUMBNAILS_KEPT)
def _card(sha256: str) -> Preview:
    return thumbnail(blob_store().get(Blob(sha256)), *CARD, settings().max_picture_pixels)


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
        "content-length": str(blob_store().size(Blob(file.sha256))),
        "x-content-type-options": "nosniff",
    }
    content = blob_store().chunks(Blob(file.sha256))
    return StreamingResponse(content, media_type=file.media_type, headers=headers | caching)
