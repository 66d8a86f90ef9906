"""Numbers, sizes and moments, as people read them."""

import re
from datetime import UTC, datetime

from dashboard.queries.counting import MOST_COUNTED

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def duration(seconds: float) -> str:
    """``0.42 s``, ``12 s``, ``3 min``, ``5 h`` or ``2 days``."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} days"


def ago(moment: datetime, now: datetime) -> str:
    """How long before ``now``: ``just now``, or a duration with ``ago``."""
    seconds = (now - moment).total_seconds()
    return "just now" if seconds < 2 else f"{duration(seconds)} ago"


def utc(moment: datetime) -> str:
    """To the second, with the time zone said."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(length: int) -> str:
    """A number of bytes, in powers of 1000 as files are sold."""
    if length < 1000:
        return f"{length} bytes"
    if length < 1_000_000:
        return f"{length / 1000:.0f} kB"
    return f"{length / 1_000_000:,.1f} MB"


def pixels(width: int, height: int) -> str:
    """Width and height of a picture."""
    return f"{width:,} × {height:,}"  # noqa: RUF001


def plain(code: str) -> str:
    """A reason code as words."""
    return code.replace("_", " ")


def literal(text: str) -> str:
    """Text from outside, with everything that Markdown would read made harmless."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~:$-])", r"\\\1", text)


def plural(number: int, noun: str) -> str:
    """A count and its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(number: int) -> str:
    """A number that was counted no further than anybody looks."""
    return f"{number:,}" if number < MOST_COUNTED else f"{number:,} or more"


def rate(number: float) -> str:
    """With two digits that count, however slow: ``0.017``, ``0.5``, ``12.3``."""
    return f"{number:,.1f}" if number >= 10 else f"{number:.2g}"
