"""Following a picture that was handed in, until it ends."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from infra.database.engine import Database
from infra.database.models import Delivery, Image, ImageState, Outcome, Result
from infra.errors import DoubletError
from infra.settings import Settings
from producers.submitting import Receipt

POLL_SECONDS = 0.25
"""How often the database is asked: quick enough to look live, and nothing to a database."""


LOOKED_UP = 500
"""Records that one statement asks for; SQLite takes some 30,000 values."""

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""
Taken = tuple[Delivery, Image | None]
"""A record that a consumer has taken, and its picture, if it named one."""


class FollowTimeout(DoubletError):
    """The pictures did not end in time; they are still being worked at."""


class Stage(StrEnum):
    """Where a picture that was handed in stands, in the submitter's eyes."""

    QUEUED = "queued"
    WORKING = "working"
    RETRYING = "retrying"
    DONE = "done"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    DEAD = "dead"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (Stage.QUEUED, Stage.WORKING, Stage.RETRYING)

    @property
    def doubled(self) -> bool:
        """Whether there is a doubled picture to look at."""
        return self in (Stage.DONE, Stage.DUPLICATE)


@dataclass(frozen=True)
class Doubled:
    """The result. Width and height are in pixels, seconds from receiving to storing."""

    sha256: str
    width: int
    height: int
    seconds: float
    stored_at: datetime


@dataclass(frozen=True)
class Progress:
    """How far one picture has come. The image's id is None until a consumer has taken it."""

    receipt: Receipt
    stage: Stage
    image_id: int | None = None
    reason: str | None = None
    detail: str | None = None
    doubled: Doubled | None = None

    def __str__(self) -> str:
        """In words for a person."""
        match self.stage, self.doubled:
            case Stage.DONE, Doubled() as result:
                return f"done, {result.width} x {result.height} px in {result.seconds:.1f} s"
            case Stage.DUPLICATE, Doubled() as result:
                return f"already doubled on {result.stored_at:%Y-%m-%d %H:%M} UTC"
            case Stage.SKIPPED | Stage.DEAD, _:
                return ": ".join(filter(None, (self.stage, self.reason, self.detail)))
        return str(self.stage)


class Follower:
    """Looks up in the database what became of receipts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, source: str, event_id: str) -> Receipt | None:
        """A receipt for somebody else's event; None until a consumer has taken it.

        Raises:
            DatabaseUnavailable: nobody can tell now.
        """
        with self._database.reading() as session:
            taken = session.execute(
                select(Image, Delivery)
                .join(Delivery, Delivery.image_id == Image.id)
                .where(Image.source == source, Image.event_id == event_id)
                .order_by(Delivery.received_at)
                .limit(1)
            ).first()
        if taken is None:
            return None
        image, delivery = taken
        return Receipt(
            source,
            event_id,
            image.name,
            image.sha256 or "",
            image.bytes or 0,
            delivery.topic,
            delivery.partition,
            delivery.offset,
        )

    def look(self, receipts: Sequence[Receipt]) -> list[Progress]:
        """Where each stands now, in the order of the receipts.

        Raises:
            DatabaseUnavailable: nobody can tell now.
        """
        with self._database.reading() as session:
            taken = _taken(session, [_place(receipt) for receipt in receipts])
            return [_progress(receipt, taken.get(_place(receipt))) for receipt in receipts]

    def follow(
        self, receipts: Sequence[Receipt], timeout_seconds: float | None = None
    ) -> Iterator[Progress]:
        """Every change of every receipt, from where it stands now until all have ended.

        Raises:
            FollowTimeout: some had not ended in time.
            DatabaseUnavailable: nobody can tell now.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        seen: dict[Receipt, Progress] = {}
        waiting = list(receipts)
        while waiting:
            for progress in self.look(waiting):
                if seen.get(progress.receipt) != progress:
                    seen[progress.receipt] = progress
                    yield progress
            waiting = [receipt for receipt in waiting if not seen[receipt].stage.ended]
            if waiting and deadline is not None and time.monotonic() >= deadline:
                raise FollowTimeout(
                    f"{len(waiting)} of {len(receipts)} pictures are still waiting or being "
                    f"doubled after {timeout_seconds:g} s; `doublet status` shows why"
                )
            if waiting:
                time.sleep(POLL_SECONDS)


@contextmanager
def open_follower(settings: Settings) -> Iterator[Follower]:
    """A follower in the configured database, closed at the end.

    Raises:
        DatabaseUnavailable: there is nothing to follow in; said before anything is sent.
    """
    with closing(Database(settings.database)) as database:
        with database.reading() as session:
            session.execute(select(Delivery.offset).limit(1))
        yield Follower(database)


def _place(receipt: Receipt) -> Place:
    return receipt.topic, receipt.partition, receipt.offset


def _taken(session: Session, places: Sequence[Place]) -> dict[Place, Taken]:
    """Those of the records that a consumer has taken, with their pictures."""
    found: dict[Place, Taken] = {}
    for start in range(0, len(places), LOOKED_UP):
        rows = session.execute(
            select(Delivery, Image)
            .outerjoin(Image, Delivery.image_id == Image.id)
            .where(_at(places[start : start + LOOKED_UP]))
        )
        for delivery, image in rows:
            found[delivery.topic, delivery.partition, delivery.offset] = delivery, image
    return found


def _at(places: Iterable[Place]) -> ColumnElement[bool]:
    """By partition: SQLite finds no index for a list of all three."""
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, partition, offset in places:
        offsets[topic, partition].append(offset)
    return or_(
        *(
            and_(
                Delivery.topic == topic,
                Delivery.partition == partition,
                Delivery.offset.in_(some),
            )
            for (topic, partition), some in offsets.items()
        )
    )


def _progress(receipt: Receipt, taken: Taken | None) -> Progress:
    if taken is None:
        return Progress(receipt, Stage.QUEUED)
    delivery, image = taken
    stage = _stage(delivery, image)
    return Progress(
        receipt,
        stage,
        delivery.image_id,
        reason=delivery.reason or (image.reason if image else None),
        detail=image.detail if image else None,
        doubled=_doubled(image) if image and stage.doubled else None,
    )


def _stage(delivery: Delivery, image: Image | None) -> Stage:
    if delivery.outcome is None:
        return Stage(image.state) if image and image.settled_at is None else Stage.WORKING
    if delivery.outcome is Outcome.DUPLICATE and image and image.state is not ImageState.DONE:
        # The first delivery of this picture is what counts: it may still be under way, or dead.
        return Stage(image.state)
    return Stage(delivery.outcome)


def _doubled(image: Image) -> Doubled | None:
    if not image.results:
        return None
    newest: Result = image.results[0]
    return Doubled(
        newest.sha256,
        newest.width,
        newest.height,
        (newest.stored_at - image.received_at).total_seconds(),
        newest.stored_at,
    )
