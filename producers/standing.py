"""How APOD stands: the newest days, how late their entries came, and the backfill."""

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from statistics import median

import typer
from sqlalchemy import false, select

from infra.database.engine import Database
from infra.database.models import ApodDay
from infra.settings import Settings
from producers.apod.days import appearance
from producers.backfiller import open_backfill
from producers.backfilling import in_words

_DAYS_SHOWN = 7
_DAYS_TIMED = 90
"""What delays are told of: a season."""


@dataclass(frozen=True)
class Delay:
    """How long after five past midnight in New York a day's entry came: between these two."""

    day: date
    at_least: timedelta
    at_most: timedelta


def newest_days(database: Database, limit: int) -> list[ApodDay]:
    """The newest days that are known, the newest first; raises DatabaseUnavailable."""
    with database.reading() as session:
        return list(session.scalars(select(ApodDay).order_by(ApodDay.day.desc()).limit(limit)))


def delays(database: Database, limit: int) -> list[Delay]:
    """Of the newest days that the daily run saw come; raises DatabaseUnavailable.

    A day that was there when it was first asked for came at an unknown time before.
    """
    with database.reading() as session:
        rows = session.execute(
            select(ApodDay.day, ApodDay.absent_at, ApodDay.present_at)
            .where(ApodDay.backfill == false(), ApodDay.present_at.is_not(None))
            .order_by(ApodDay.day.desc())
            .limit(limit)
        ).all()
    none = timedelta(0)
    return [
        Delay(
            day,
            max((absent_at - appearance(day)) if absent_at else none, none),
            max(present_at - appearance(day), none),
        )
        for day, absent_at, present_at in rows
        if present_at is not None
    ]


def tell(settings: Settings, *, as_json: bool) -> None:
    """Write how it stands to standard output.

    Raises:
        DatabaseUnavailable: nobody can tell now.
    """
    with closing(Database(settings.database)) as database:
        progress = open_backfill(settings, database).progress()
        days = newest_days(database, _DAYS_SHOWN)
        late = delays(database, _DAYS_TIMED)
    if as_json:
        told = {
            "backfill": {**asdict(progress), "total": progress.total, "ended": progress.ended},
            "days": [_fields(row) for row in days],
            "delays": [
                {
                    "day": delay.day,
                    "at_least_s": delay.at_least.total_seconds(),
                    "at_most_s": delay.at_most.total_seconds(),
                }
                for delay in late
            ],
        }
        typer.echo(json.dumps(told, default=str))
        return
    for row in days:
        why = f": {row.reason}" if row.reason else ""
        typer.echo(f"{row.day}  {row.state:<9}  {row.title or 'no entry yet'}{why}")
    if late:
        longest = max(late, key=lambda delay: delay.at_most)
        usual = timedelta(seconds=median(delay.at_most.total_seconds() for delay in late))
        typer.echo(
            f"Entries came at most {_hours(usual)} after 00:05 New York as a rule, that of "
            f"{longest.day} at most {_hours(longest.at_most)} ({len(late)} days)."
        )
    typer.echo(f"Backfill: {in_words(progress)}")


def _fields(row: ApodDay) -> dict[str, object]:
    names = ("day", "state", "reason", "title", "media_type", "permalink", "stand_in", "backfill")
    return {name: getattr(row, name) for name in names}


def _hours(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60} min"
