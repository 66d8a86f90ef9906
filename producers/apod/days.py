"""The days of APOD: since when, which are missing, and when a new one appears."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.errors import DoubletError

NEW_YORK = ZoneInfo("America/New_York")

FIRST_DAY = date(1995, 6, 16)
NEVER_PUBLISHED = frozenset({date(1995, 6, 17), date(1995, 6, 18), date(1995, 6, 19)})
"""Three days after the first picture there was none; every day since has had one."""

PUBLISHED_AT = time(0, 5, tzinfo=NEW_YORK)
"""When a day's page appears, by the ``article:published_time`` of the site's own pages."""

_AGO = {"today": timedelta(0), "yesterday": timedelta(1)}


class NotADay(DoubletError):
    """A text that names no day on which there can be a picture."""


def appearance(day: date) -> datetime:
    """When a day's page appears, in New York's time."""
    return datetime.combine(day, PUBLISHED_AT)


def newest_day(now: datetime) -> date:
    """The latest day whose picture should be out."""
    local = now.astimezone(NEW_YORK)
    return local.date() if local.timetz() >= PUBLISHED_AT else local.date() - timedelta(1)


def next_appearance(now: datetime) -> datetime:
    """When the day after the newest one appears, in New York's time."""
    return appearance(newest_day(now) + timedelta(1))


def read_day(text: str, now: datetime) -> date:
    """Read ``today``, ``yesterday`` (both in New York) or an ISO date.

    Raises:
        NotADay: it is none of these, or APOD had or has no picture on it.
    """
    today = now.astimezone(NEW_YORK).date()
    if text in _AGO:
        return today - _AGO[text]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NotADay(f"{text!r} is not a date: use YYYY-MM-DD, today or yesterday") from None
    if day > today:
        raise NotADay(f"{day} has not come yet: in New York, where APOD is made, it is {today}")
    if day < FIRST_DAY:
        raise NotADay(f"{day} is before the first Astronomy Picture of the Day ({FIRST_DAY})")
    if day in NEVER_PUBLISHED:
        raise NotADay(f"{day} never had a picture: after {FIRST_DAY} the next came on 1995-06-20")
    return day
