"""What both forms of the service have in common: errors, and entries of the wrong kind."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from infra.clock import Clock
from producers.apod.source import ApodMissing, ApodUnavailable
from producers.apod.text import one_line
from producers.apod.web import Answer

Fields = dict[str, Any]

_OK = 200
_REFUSALS = (401, 403)
_TOO_MANY = 429
_LONGEST_WAIT = timedelta(days=1)
"""The service's own limits are by the hour and the day; whatever asks for more is mistaken."""
_PLACEHOLDER_TITLE = "nasa science"
_THEME_FOLDER = "/themes/"
"""A site's own decoration, such as its logo, lies in its theme; no picture of a day does."""


def entry_fields(
    answer: Answer, day: date, is_missing: Callable[[int, Fields], bool], clock: Clock
) -> Fields:
    """The fields of a day's entry, or why there are none.

    Args:
        is_missing: whether an error of this status and body says that the day has no entry.

    Raises:
        ApodMissing: the service says that it has none.
        ApodUnavailable: it says or does something else.
    """
    fields = _json_object(answer)
    if answer.status == _TOO_MANY:
        raise ApodUnavailable(
            "the APOD service's request limit is reached", retry_after(answer, clock)
        )
    if answer.status in _REFUSALS:
        raise ApodUnavailable(
            f"the APOD service refuses us ({_said(fields, answer)}); check NASA_API_KEY"
        )
    if answer.status != _OK:
        if is_missing(answer.status, fields):
            raise ApodMissing(f"the APOD service has no entry for {day}")
        raise ApodUnavailable(
            f"the APOD service answers {answer.status} ({_said(fields, answer)})",
            retry_after(answer, clock),
            fault=True,
        )
    if not fields:
        raise ApodUnavailable(
            f"the APOD service answers with {_kind(answer)} instead of an entry", fault=True
        )
    _require_the_day(fields, day)
    return fields


def addresses(fields: Fields, *names: str) -> tuple[str, ...]:
    """The addresses that an entry has under these names, each once and in this order."""
    found = (one_line(str(fields.get(name) or "")) for name in names)
    return tuple(dict.fromkeys(address for address in found if address))


def retry_after(answer: Answer, clock: Clock) -> timedelta | None:
    """How long the service asks us to wait, where it does."""
    stated = answer.headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdigit():
        return min(timedelta(seconds=int(stated[:9])), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(stated)
    except ValueError:
        return None
    wait = _in_utc(moment) - clock()
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


def _require_the_day(fields: Fields, day: date) -> None:
    addresses = [urlsplit(str(fields.get(name))).path for name in ("url", "hdurl")]
    title = one_line(str(fields.get("title") or ""))
    if title.lower() == _PLACEHOLDER_TITLE or any(_THEME_FOLDER in path for path in addresses):
        raise ApodUnavailable(
            "the APOD service answers with a placeholder instead of the day's picture; "
            "APOD_API=v2 is the service that works",
            fault=True,
        )
    if fields.get("date") != day.isoformat():
        raise ApodUnavailable(
            f"the APOD service was asked for {day} and answers for {str(fields.get('date'))[:40]}",
            fault=True,
        )
    if not title:
        raise ApodUnavailable(f"the APOD service's entry for {day} has no title", fault=True)


def _json_object(answer: Answer) -> Fields:
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _said(fields: Fields, answer: Answer) -> str:
    error = fields.get("error")
    nested = error.get("message") if isinstance(error, dict) else None
    said = nested or fields.get("msg") or fields.get("message") or _kind(answer)
    return one_line(str(said))[:200]


def _kind(answer: Answer) -> str:
    if not answer.body:
        return "nothing"
    return answer.headers.get("content-type", "").partition(";")[0].strip() or "no known type"


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
