"""The pictures: a page of them, one of them, its files, and what became of a record."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from dashboard.queries.counting import counted
from dashboard.queries.running import STAGES
from infra.database.models import DeadLetter, Delivery, Image, ImageState, Lane, LetterState, Result
from producers.results import doubled_name

LARGEST_ID = 2**63 - 1
"""What a database's integer holds; an address may name any number."""


NAMES_SEARCHED = 100_000
"""Of the newest pictures, whose names are read for a part of one: in some 50 ms."""


@dataclass(frozen=True)
class PictureFilter:
    """Which pictures to list; an empty field lets all pass."""

    states: tuple[ImageState, ...] = ()
    lane: Lane | None = None
    name: str = ""
    """Part of the name, in any case; looked for among the NAMES_SEARCHED newest pictures."""
    day: date | None = None
    """When they came, in UTC."""


@dataclass(frozen=True)
class PictureLine:
    """One picture in the list."""

    id: int
    name: str
    lane: Lane
    state: ImageState
    reason: str | None
    attempts: int
    sha256: str | None
    width: int | None
    """None until it was decoded."""
    height: int | None
    received_at: datetime
    settled_at: datetime | None


def count_pictures(session: Session, which: PictureFilter) -> int:
    """How many pictures pass the filter; MOST_COUNTED where there are at least so many."""
    return session.scalar(select(counted(select(Image.id).where(*_conditions(which))))) or 0


def pictures(
    session: Session, which: PictureFilter, *, offset: int, limit: int
) -> list[PictureLine]:
    """One page of the pictures that pass the filter, the newest first."""
    rows = session.execute(
        select(
            Image.id,
            Image.name,
            Image.lane,
            Image.state,
            Image.reason,
            Image.attempts,
            Image.sha256,
            Image.width,
            Image.height,
            Image.received_at,
            Image.settled_at,
        )
        .where(*_conditions(which))
        .order_by(Image.received_at.desc(), Image.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [PictureLine(*row) for row in rows]


def _conditions(which: PictureFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.states:
        conditions.append(Image.state.in_(which.states))
    if which.lane:
        conditions.append(Image.lane == which.lane)
    if which.day:
        begins = datetime.combine(which.day, time.min, UTC)
        conditions.append(Image.received_at >= begins)
        conditions.append(Image.received_at < begins + timedelta(days=1))
    if which.name:
        newest = select(func.max(Image.id)).scalar_subquery()
        conditions.append(Image.id > newest - NAMES_SEARCHED)
        conditions.append(Image.name.icontains(which.name, autoescape=True))
    return conditions


# One picture


@dataclass(frozen=True)
class ResultFacts:
    """A doubled picture and how it was made."""

    id: int
    model: str
    version: int
    sha256: str
    bytes: int
    width: int
    height: int
    spread_sha256: str | None
    """None where the model has no spread, or it was not kept."""
    mean_spread: float | None
    """In grey levels."""
    consistency: float | None
    """In dB; None of results from before it was measured."""
    seam_step: float | None
    """In grey levels; None where there is one tile, or it was not measured."""
    tiles: int
    tile_side: int | None
    halo: int | None
    model_commit: str | None
    seconds: tuple[float, ...]
    """One for each of STAGES."""
    stored_at: datetime


@dataclass(frozen=True)
class DeadLetterFacts:
    """Why a picture was put aside."""

    stage: str
    detail: str
    attempts: int
    state: LetterState
    first_failed_at: datetime
    last_failed_at: datetime


@dataclass(frozen=True)
class Whereabouts:
    """The Kafka record that brought a picture."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}, partition {self.partition}, offset {self.offset}"


@dataclass(frozen=True)
class Picture:
    """All that is known of one picture."""

    line: PictureLine
    source: str
    event_id: str
    bytes: int | None
    media_type: str | None
    credit: str | None
    copyright: str | None
    remark: str | None
    notes: str | None
    detail: str | None
    sent_at: datetime | None
    results: tuple[ResultFacts, ...]
    """One for each version of a model that has doubled it, the newest first."""
    dead_letter: DeadLetterFacts | None
    delivery: Whereabouts | None
    """The first record that brought it."""


def picture(session: Session, image_id: int) -> Picture | None:
    """One picture; None where there is no such."""
    image = session.get(Image, image_id) if image_id <= LARGEST_ID else None
    if image is None:
        return None
    return Picture(
        line=PictureLine(
            image.id,
            image.name,
            image.lane,
            image.state,
            image.reason,
            image.attempts,
            image.sha256,
            image.width,
            image.height,
            image.received_at,
            image.settled_at,
        ),
        source=image.source,
        event_id=image.event_id,
        bytes=image.bytes,
        media_type=image.media_type,
        credit=image.credit,
        copyright=image.copyright,
        remark=image.remark,
        notes=image.notes,
        detail=image.detail,
        sent_at=image.sent_at,
        results=_results(session, image_id),
        dead_letter=_dead_letter(session, image_id),
        delivery=_delivery(session, image_id),
    )


def _results(session: Session, image_id: int) -> tuple[ResultFacts, ...]:
    results = session.scalars(
        select(Result).where(Result.image_id == image_id).order_by(Result.id.desc())
    )
    return tuple(
        ResultFacts(
            id=result.id,
            model=result.model,
            version=result.version,
            sha256=result.sha256,
            bytes=result.bytes,
            width=result.width,
            height=result.height,
            spread_sha256=result.spread_sha256,
            mean_spread=result.mean_spread,
            consistency=result.consistency,
            seam_step=result.seam_step,
            tiles=result.tiles,
            tile_side=result.tile_side,
            halo=result.halo,
            model_commit=result.model_commit,
            seconds=tuple(getattr(result, f"{stage}_s") for stage in STAGES),
            stored_at=result.stored_at,
        )
        for result in results
    )


def _dead_letter(session: Session, image_id: int) -> DeadLetterFacts | None:
    row = session.execute(
        select(
            DeadLetter.stage,
            DeadLetter.detail,
            DeadLetter.attempts,
            DeadLetter.state,
            DeadLetter.first_failed_at,
            DeadLetter.last_failed_at,
        )
        .where(DeadLetter.image_id == image_id)
        .order_by(DeadLetter.id.desc())
        .limit(1)
    ).first()
    return DeadLetterFacts(*row) if row else None


def _delivery(session: Session, image_id: int) -> Whereabouts | None:
    row = session.execute(
        select(Delivery.topic, Delivery.partition, Delivery.offset)
        .where(Delivery.image_id == image_id)
        .order_by(Delivery.received_at)
        .limit(1)
    ).first()
    return Whereabouts(*row) if row else None


# Files to send to a viewer


@dataclass(frozen=True)
class StoredFile:
    """A file in the blob store, and what to call it."""

    name: str
    sha256: str
    media_type: str


def original_file(session: Session, image_id: int) -> StoredFile | None:
    """The picture as it was handed in; None where there is none."""
    if image_id > LARGEST_ID:
        return None
    row = session.execute(
        select(Image.name, Image.sha256, Image.media_type).where(Image.id == image_id)
    ).first()
    if row is None or row.sha256 is None:
        return None
    return StoredFile(row.name, row.sha256, row.media_type or "application/octet-stream")


def result_file(session: Session, result_id: int) -> StoredFile | None:
    """The doubled picture; None where there is no such result."""
    if result_id > LARGEST_ID:
        return None
    row = session.execute(
        select(Image.name, Result.sha256)
        .join(Result, Result.image_id == Image.id)
        .where(Result.id == result_id)
    ).first()
    if row is None:
        return None
    return StoredFile(doubled_name(row.name), row.sha256, "image/png")
