"""Where APOD's days come from: what a source answers, and how it fails."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from infra.errors import DoubletError, Unavailable


class ApodMissing(DoubletError):
    """The service works and has nothing for that day: not yet, or not at all."""


class ApodUnavailable(Unavailable):
    """The service is away, refuses us, or answers with something that is not the day's entry."""

    def __init__(
        self, detail: str, retry_after: timedelta | None = None, *, fault: bool = False
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """How long the service itself asked us to wait, where it did."""
        self.fault = fault
        """It answered, and the answer was wrong: it may be so for this day alone."""


class MediaType(StrEnum):
    """What a day consists of."""

    IMAGE = "image"
    VIDEO = "video"
    IFRAME = "iframe"
    OTHER = "other"

    @classmethod
    def read(cls, text: object) -> "MediaType":
        """The service's own word; whatever is new to us is ``other``."""
        return next((kind for kind in cls if kind == text), cls.OTHER)


@dataclass(frozen=True)
class ApodEntry:
    """One day, with its texts plain."""

    day: date
    title: str
    media_type: MediaType
    explanation: str
    credit: str | None
    copyright: str | None
    """Whose permission a publication needs; None: in the public domain, as NASA says."""
    permalink: str
    """The day's page, for people."""
    picture_urls: tuple[str, ...]
    """The picture, the largest first: what is no picture after all, or too large, gives way to the
    next. Empty where the day is no picture, or has no address."""
    poster_url: str | None = None
    """The picture that the service shows of a day that is not one."""


class ApodSource(Protocol):
    """A service that knows the days."""

    def day(self, day: date) -> ApodEntry:
        """Ask for one day.

        Raises:
            ApodMissing: the service has no entry for it.
            ApodUnavailable: ask again later.
        """
