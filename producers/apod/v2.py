"""The service since September 2026: ``science.nasa.gov/wp-json/wp/v2/apod-basic``."""

from datetime import date

import httpx

from infra.clock import Clock, utc_now
from producers.apod.answers import Fields, addresses, entry_fields
from producers.apod.source import ApodEntry, MediaType
from producers.apod.text import one_line, plain_text
from producers.apod.web import Web

_RESIZING = ("w", "h", "fit", "crop")
"""What the picture server is asked to shrink by; without them it sends the original."""
_LABEL = "Explanation:"
"""The page's own heading, which is no part of the text."""


class ApodV2:
    """Asks ``<address>/YYMMDD``; needs no key."""

    def __init__(self, web: Web, address: str, clock: Clock = utc_now) -> None:
        self._web = web
        self._address = address.rstrip("/")
        self._clock = clock

    def day(self, day: date) -> ApodEntry:
        answer = self._web.ask(f"{self._address}/{day:%y%m%d}")
        fields = entry_fields(answer, day, _is_missing, self._clock)
        media_type = MediaType.read(fields.get("media_type"))
        permalink = one_line(str(fields.get("permalink") or fields.get("url") or ""))
        # `url` is the day's page as a rule; `hdurl` of a video is only its poster.
        is_image = media_type is MediaType.IMAGE
        found = addresses(fields, "hdurl", "url") if is_image else addresses(fields, "hdurl")
        pictures = tuple(_original(address) for address in found if address != permalink)
        return ApodEntry(
            day=day,
            title=one_line(plain_text(str(fields["title"]))),
            media_type=media_type,
            explanation=_plain(fields, "explanation").removeprefix(_LABEL).lstrip(),
            credit=one_line(_plain(fields, "credit")) or None,
            copyright=one_line(_plain(fields, "copyright")) or None,
            permalink=permalink,
            picture_urls=pictures if is_image else (),
            poster_url=None if is_image else next(iter(pictures), None),
        )


def _is_missing(status: int, fields: Fields) -> bool:
    # Any other 404 is WordPress saying that the service itself has moved.
    return status == httpx.codes.NOT_FOUND and fields.get("code") == "apod_basic_not_found"


def _plain(fields: Fields, name: str) -> str:
    return plain_text(str(fields.get(name) or ""))


def _original(url: str) -> str:
    base, _, query = url.partition("?")
    kept = "&".join(part for part in query.split("&") if part.partition("=")[0] not in _RESIZING)
    return f"{base}?{kept}" if kept else base
