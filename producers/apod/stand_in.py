"""Which picture is doubled for a day: its own, or what the operator wants in its place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from infra.database.models import StandIn
from infra.errors import DoubletError
from producers.apod.days import FIRST_DAY, NEVER_PUBLISHED
from producers.apod.source import ApodEntry, ApodMissing, ApodSource, MediaType

OnVideo = Literal["skip", "poster", "previous-image"]

_LOOK_BACK_DAYS = 7
"""Never were there so many days in a row without a picture; and each is a request."""


class NoPicture(DoubletError):
    """A day has no picture, and nothing takes its place."""


@dataclass(frozen=True)
class Choice:
    """What is doubled for a day."""

    entry: ApodEntry
    """The day whose picture it is, with the rights to it."""
    stand_in: StandIn | None = None
    remark: str | None = None
    """What a viewer must be told; None where it is simply the day's picture."""


def choose(entry: ApodEntry, on_video: OnVideo, source: ApodSource) -> Choice:
    """The picture to double for a day.

    Raises:
        NoPicture: with what the day was, and its link.
        ApodUnavailable: the day before could not be asked for.
    """
    if entry.picture_urls:
        return Choice(entry)
    what = _what(entry)
    if entry.media_type is MediaType.IMAGE or on_video == "skip":
        raise NoPicture(f"no picture: {what}")
    if on_video == "poster":
        if entry.poster_url is None:
            raise NoPicture(f"no picture: {what}; the service shows no poster of it")
        poster = replace(entry, picture_urls=(entry.poster_url,))
        return Choice(poster, StandIn.POSTER, f"{what}; this is its poster")
    previous = _previous(entry.day, source)
    if previous is None:
        raise NoPicture(
            f"no picture: {what}; nor was there one in the {_LOOK_BACK_DAYS} days before"
        )
    remark = f"{what}; this is the picture of {previous.day}, see {previous.permalink}"
    return Choice(previous, StandIn.PREVIOUS_IMAGE, remark)


def _what(entry: ApodEntry) -> str:
    if entry.media_type is MediaType.IMAGE:
        return f"the service names none, see {entry.permalink}"
    kind = "of another kind" if entry.media_type is MediaType.OTHER else entry.media_type
    return f"the day is {kind}, see {entry.permalink}"


def _previous(day: date, source: ApodSource) -> ApodEntry | None:
    for earlier in _before(day):
        try:
            entry = source.day(earlier)
        except ApodMissing:
            continue
        if entry.picture_urls:
            return entry
    return None


def _before(day: date) -> Iterator[date]:
    days = (day - timedelta(days=number) for number in range(1, _LOOK_BACK_DAYS + 1))
    return (day for day in days if day >= FIRST_DAY and day not in NEVER_PUBLISHED)
