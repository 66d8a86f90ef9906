"""The old service, ``api.nasa.gov/planetary/apod``, announced to end on 1 December 2026."""

from datetime import date

import httpx

from infra.clock import Clock, utc_now
from producers.apod.answers import Fields, addresses, entry_fields
from producers.apod.source import ApodEntry, MediaType
from producers.apod.text import one_line, tidy
from producers.apod.web import Web


class ApodV1:
    """Asks with a key; its texts are plain already, but for stray line breaks."""

    def __init__(self, web: Web, address: str, key: str, clock: Clock = utc_now) -> None:
        self._web = web
        self._address = address
        self._key = key
        self._clock = clock

    def day(self, day: date) -> ApodEntry:
        parameters = {"date": day.isoformat(), "api_key": self._key}
        answer = self._web.ask(self._address, parameters)
        fields = entry_fields(answer, day, _is_missing, self._clock)
        holder = one_line(str(fields.get("copyright") or "")) or None
        media_type = MediaType.read(fields.get("media_type"))
        return ApodEntry(
            day=day,
            title=one_line(str(fields["title"])),
            media_type=media_type,
            explanation=tidy(str(fields.get("explanation") or "")),
            credit=holder,
            copyright=holder,
            permalink=f"https://apod.nasa.gov/apod/ap{day:%y%m%d}.html",
            picture_urls=addresses(fields, "hdurl", "url") if media_type is MediaType.IMAGE else (),
        )


def _is_missing(status: int, fields: Fields) -> bool:
    # The service calls a day that has not come a bad request.
    said = str(fields.get("msg") or "")
    return (status == httpx.codes.NOT_FOUND and said.startswith("No data available")) or (
        status == httpx.codes.BAD_REQUEST and said.startswith("Date must be between")
    )
