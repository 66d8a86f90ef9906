"""The days of APOD: what became of each, from the first to the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, extract, func, select
from sqlalchemy.orm import Session

from infra.database.models import ApodDay, ApodState, Image, ImageState, StandIn


class DayState(StrEnum):
    """What became of a day; its picture's fate included."""

    DOUBLED = "doubled"
    WAITING = "waiting"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "not asked for"


_STATE = case(
    (ApodDay.state == ApodState.FAILED, DayState.FAILED.value),
    (ApodDay.state == ApodState.SKIPPED, DayState.SKIPPED.value),
    (Image.state == ImageState.DONE, DayState.DOUBLED.value),
    (Image.state == ImageState.SKIPPED, DayState.SKIPPED.value),
    (Image.state == ImageState.DEAD, DayState.FAILED.value),
    else_=DayState.WAITING.value,
)
_EVENT = and_(Image.source == ApodDay.source, Image.event_id == ApodDay.event_id)


@dataclass(frozen=True)
class Day:
    """One day that is known."""

    day: date
    state: DayState
    reason: str | None
    title: str | None
    image_id: int | None
    """None until Kafka delivered the day's event."""
    sha256: str | None
    """Of the original picture."""


@dataclass(frozen=True)
class DayFacts:
    """All that is known of one day."""

    line: Day
    explanation: str | None
    credit: str | None
    copyright: str | None
    media_type: str | None
    permalink: str | None
    stand_in: StandIn | None
    tries: int


@dataclass(frozen=True)
class DayFilter:
    """Which days to show; an empty field lets all pass."""

    year: int | None = None
    title: str = ""
    """Part of the title, in any case."""
    doubled: bool = False


def years(session: Session) -> dict[int, dict[DayState, int]]:
    """How many days of each year are in each state, of those that are known."""
    year = extract("year", ApodDay.day)
    rows = session.execute(
        select(year, _STATE, func.count()).outerjoin(Image, _EVENT).group_by(year, _STATE)
    )
    counts: dict[int, dict[DayState, int]] = {}
    for number, state, count in rows:
        counts.setdefault(int(number), {})[DayState(state)] = count
    return counts


def days(session: Session, year: int) -> list[Day]:
    """The days of a year that are known, in their order."""
    rows = session.execute(_lines().where(*_passing(DayFilter(year))).order_by(ApodDay.day))
    return [_line(row) for row in rows]


def count_days(session: Session, which: DayFilter) -> int:
    """How many days that are known pass the filter."""
    count = select(func.count()).select_from(ApodDay).outerjoin(Image, _EVENT)
    return session.scalar(count.where(*_passing(which))) or 0


def newest_days(session: Session, which: DayFilter, *, offset: int, limit: int) -> list[Day]:
    """Some of the days that pass the filter, the newest first."""
    rows = session.execute(
        _lines().where(*_passing(which)).order_by(ApodDay.day.desc()).offset(offset).limit(limit)
    )
    return [_line(row) for row in rows]


def day(session: Session, wanted: date) -> DayFacts | None:
    """One day; None where it is not known."""
    found = session.get(ApodDay, wanted)
    if found is None:
        return None
    line = _line(session.execute(_lines().where(ApodDay.day == wanted)).one())
    return DayFacts(
        line,
        found.explanation,
        found.credit,
        found.copyright,
        found.media_type,
        found.permalink,
        found.stand_in,
        found.tries,
    )


_IS_DOUBLED = and_(ApodDay.state == ApodState.PUBLISHED, Image.state == ImageState.DONE)


def _lines() -> Select[Any]:
    reason = func.coalesce(ApodDay.reason, Image.detail)
    columns = (ApodDay.day, _STATE, reason, ApodDay.title, Image.id, Image.sha256)
    return select(*columns).outerjoin(Image, _EVENT)


def _line(row: Sequence[Any]) -> Day:
    day, state, reason, title, image_id, sha256 = row
    return Day(day, DayState(state), reason, title, image_id, sha256)


def _passing(which: DayFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.year:
        within = ApodDay.day.between(date(which.year, 1, 1), date(which.year, 12, 31))
        conditions.append(within)
    if which.title:
        conditions.append(ApodDay.title.icontains(which.title, autoescape=True))
    if which.doubled:
        conditions.append(_IS_DOUBLED)
    return conditions
