"""One day of APOD, asked for by a person."""

import json
from contextlib import closing
from datetime import date

import typer

from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState
from infra.settings import Settings
from producers.ledger import Ledger
from producers.publishing import open_publisher

_TOLD = (
    "day",
    "state",
    "reason",
    "title",
    "credit",
    "copyright",
    "media_type",
    "stand_in",
    "permalink",
    "picture_url",
    "event_id",
    "next_try_at",
    "absent_at",
    "present_at",
)
"""The columns that a script is told."""


def fetch_day(day: date, settings: Settings, *, as_json: bool) -> bool:
    """Ask for a day unless it was sent before, and write what it was to standard output.

    Returns:
        Whether the day is dealt with: sent, or known not to be a picture.

    Raises:
        Unavailable: the database or the blob store is away.
    """
    with closing(Database(settings.database)) as database:
        ledger = Ledger(database)
        with open_publisher(settings, database) as publisher:
            claim = ledger.claim(day, by_person=True)
            if claim is not None:
                publisher.publish(claim)
        row = ledger.read(day)
    if as_json:
        typer.echo(json.dumps({name: getattr(row, name) for name in _TOLD}, default=str))
    else:
        typer.echo(f"{day}: {_in_words(row, sent_before=claim is None)}")
    return row.state in (ApodState.PUBLISHED, ApodState.SKIPPED)


def _in_words(row: ApodDay, *, sent_before: bool) -> str:
    match row.state:
        case ApodState.PUBLISHED:
            sent = f"was sent on {row.updated_at:%Y-%m-%d %H:%M} UTC" if sent_before else "sent"
            credit = f" by {row.credit}" if row.credit else ""
            remark = f" ({row.reason})" if row.reason else ""
            return f"{sent}: {row.title}{credit}, {row.permalink}{remark}"
        case ApodState.SKIPPED:
            return f"skipped: {row.title or 'no entry'}: {row.reason}"
        case ApodState.FAILED:
            return f"given up after {row.faults} wrong answers: {row.reason}"
        case ApodState.ASKING:
            return "is being asked for by the scheduler at this moment"
        case ApodState.WAITING:
            return f"waiting: {row.reason}; next try at {row.next_try_at:%Y-%m-%d %H:%M} UTC"
