"""A ledger of APOD's days beside the pictures of `seeding`, as after some weeks."""

from datetime import date, datetime, timedelta

from sqlalchemy import select

from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState, Image, ImageState, Lane, StandIn
from producers.apod.days import appearance, newest_day

LAST_LEAP_DAY = date(2024, 2, 29)


def seed_days(database: Database, now: datetime) -> date:
    """One day for each picture of the APOD lane, and one in each other state; the newest day."""
    newest = newest_day(now)
    with database.transaction() as session:
        pictures = session.scalars(
            select(Image).where(Image.lane == Lane.APOD, Image.state == ImageState.DONE)
        ).all()
        for number, image in enumerate(pictures):
            row = _day(newest - timedelta(number), ApodState.PUBLISHED, now)
            row.title, row.media_type = image.name, "image"
            row.source, row.event_id = image.source, image.event_id
            row.credit, row.copyright = image.credit, image.copyright
            row.absent_at = appearance(row.day) + timedelta(hours=number)
            row.present_at = row.absent_at + timedelta(minutes=30)
            session.add(row)
        pictures[0].name = "Seen as the newest"
        before = newest - timedelta(len(pictures))
        session.add_all(_others(before, now))
    return newest


def _others(newest: date, now: datetime) -> list[ApodDay]:
    skipped = _day(newest, ApodState.SKIPPED, now)
    skipped.title, skipped.media_type = "A Film of the Sky", "video"
    skipped.reason = "no picture: the day is a video, see https://example.org/ap.html"
    skipped.permalink = "https://example.org/ap.html"
    failed = _day(newest - timedelta(1), ApodState.FAILED, now)
    failed.reason = "the picture is larger than MAX_PICTURE_BYTES allows"
    waiting = _day(newest - timedelta(2), ApodState.WAITING, now)
    waiting.backfill = True
    leap = _day(LAST_LEAP_DAY, ApodState.PUBLISHED, now)
    leap.backfill, leap.title, leap.stand_in = True, "Leap day", StandIn.POSTER
    return [skipped, failed, waiting, leap]


def _day(day: date, state: ApodState, now: datetime) -> ApodDay:
    return ApodDay(day=day, state=state, tries=1, updated_at=now)
