"""What the consumer writes into the database, one short transaction for each step.

The order of the steps is the promise: a delivery is opened before anything is looked at, an
attempt is counted before the work starts, and a record's end is written in one transaction.
"""

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from consumers.canvas import DoubledPicture
from consumers.picture import Picture
from consumers.record import Record
from consumers.timings import Timings
from infra.blobs import Blob
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import DeadLetter, Delivery, Image, ImageState, Outcome, Result
from infra.events.pictures import Submission
from infra.events.reasons import Reason
from serving.model_server import ServedModel


@dataclass(frozen=True)
class StoredResult:
    """A doubled picture whose files are in the blob store."""

    doubled: DoubledPicture
    blob: Blob
    length: int
    spread: Blob | None


@dataclass(frozen=True)
class Failure:
    """Why a record is put aside."""

    reason: Reason
    stage: str
    detail: str
    attempts: int


class Bookkeeper:
    """Writes the books.

    Every method raises DatabaseUnavailable when the database is away; nothing is written then,
    and calling it again is right.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def open_delivery(self, record: Record) -> Delivery:
        """Note that a record arrived; answers its row, settled if it came before."""
        with self._database.transaction() as session:
            delivery = _delivery(session, record)
            if delivery is None:
                delivery = Delivery(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    received_at=self._clock(),
                )
                session.add(delivery)
        return delivery

    def open_image(self, record: Record, submission: Submission) -> Image:
        """Find or make the picture's row, and link the delivery to it."""
        with self._database.transaction() as session:
            image = session.scalar(_by_event(submission))
            if image is None:
                image = self._new_image(record, submission)
                try:
                    with session.begin_nested():
                        session.add(image)
                except IntegrityError:  # another consumer was quicker
                    image = session.scalars(_by_event(submission)).one()
            _require_delivery(session, record).image_id = image.id
        return image

    def has_result(self, image_id: int, served: ServedModel) -> bool:
        """Whether this version has doubled the picture already."""
        with self._database.reading() as session:
            return session.scalar(_result_of(image_id, served)) is not None

    def begin_attempt(self, image_id: int, blob: Blob, length: int, most: int) -> int | None:
        """Count an attempt before it starts, and answer its number; None when all are used up.

        A picture that ended before and is handed in again starts to count anew.
        """
        with self._database.transaction() as session:
            image = session.get_one(Image, image_id)
            if image.settled_at is not None:
                image.attempts, image.settled_at = 0, None
            image.state = ImageState.WORKING
            image.reason = image.detail = None
            image.sha256, image.bytes = blob.sha256, length
            if image.attempts >= most:
                return None
            image.attempts += 1
            return image.attempts

    def attempts(self, image_id: int) -> int:
        """How many attempts were begun."""
        with self._database.reading() as session:
            return session.get_one(Image, image_id).attempts

    def give_back_attempt(self, image_id: int) -> None:
        """Undo an attempt that was broken off through no fault of the picture."""
        with self._database.transaction() as session:
            session.get_one(Image, image_id).attempts -= 1

    def note_retry(self, image_id: int, detail: str) -> None:
        """Show that an attempt failed and another one follows."""
        with self._database.transaction() as session:
            image = session.get_one(Image, image_id)
            image.state, image.detail = ImageState.RETRYING, detail

    def note_picture(self, image_id: int, picture: Picture) -> None:
        """Note what decoding found."""
        with self._database.transaction() as session:
            image = session.get_one(Image, image_id)
            image.width, image.height = picture.width, picture.height
            image.notes = "; ".join(picture.notes) or None

    def settle_done(
        self,
        record: Record,
        image_id: int,
        served: ServedModel,
        stored: StoredResult,
        timings: Timings,
    ) -> Outcome:
        """Write the result; it is a duplicate if another consumer wrote one in the meantime."""
        with self._database.transaction() as session:
            outcome = Outcome.DONE
            try:
                with session.begin_nested():
                    session.add(self._result(image_id, served, stored, timings))
            except IntegrityError:
                outcome = Outcome.DUPLICATE
            self._end_image(session, image_id, ImageState.DONE)
            self._end_delivery(session, record, outcome)
        return outcome

    def settle_duplicate(self, record: Record, image_id: int) -> None:
        """The picture has a result of this version already."""
        with self._database.transaction() as session:
            image = session.get_one(Image, image_id)
            if image.state is not ImageState.DONE:
                self._end_image(session, image_id, ImageState.DONE)
            self._end_delivery(session, record, Outcome.DUPLICATE)

    def settle_dead(self, record: Record, image_id: int | None, failure: Failure) -> None:
        """The record was put aside; its bytes are on the dead-letter topic already."""
        with self._database.transaction() as session:
            if image_id is not None:
                self._end_image(session, image_id, ImageState.DEAD, failure.reason, failure.detail)
            self._end_delivery(session, record, Outcome.DEAD, failure.reason)
            now = self._clock()
            session.add(
                DeadLetter(
                    image_id=image_id,
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=record.key,
                    reason=failure.reason,
                    stage=failure.stage,
                    detail=failure.detail,
                    attempts=failure.attempts,
                    first_failed_at=now,
                    last_failed_at=now,
                )
            )

    def read_end(self, record: Record) -> tuple[Delivery, Image | None, Result | None]:
        """How a settled record ended, for telling others."""
        with self._database.reading() as session:
            delivery = _require_delivery(session, record)
            if delivery.image_id is None:
                return delivery, None, None
            image = session.get_one(Image, delivery.image_id)
            newest = select(Result).where(Result.image_id == image.id).order_by(Result.id.desc())
            return delivery, image, session.scalars(newest.limit(1)).first()

    def _new_image(self, record: Record, submission: Submission) -> Image:
        return Image(
            source=submission.source,
            event_id=submission.event_id,
            lane=submission.lane,
            name=submission.name,
            credit=submission.credit,
            copyright=submission.copyright,
            state=ImageState.WORKING,
            attempts=0,
            sent_at=submission.sent_at or record.sent_at,
            received_at=self._clock(),
        )

    def _result(
        self, image_id: int, served: ServedModel, stored: StoredResult, timings: Timings
    ) -> Result:
        return Result(
            image_id=image_id,
            model=served.name,
            version=served.version,
            sha256=stored.blob.sha256,
            bytes=stored.length,
            width=stored.doubled.width,
            height=stored.doubled.height,
            spread_sha256=stored.spread.sha256 if stored.spread else None,
            mean_spread=stored.doubled.mean_spread,
            tiles=stored.doubled.tiles,
            queue_s=timings.queue_s,
            **{f"{stage}_s": seconds for stage, seconds in timings.seconds.items()},
            stored_at=self._clock(),
        )

    def _end_image(
        self,
        session: Session,
        image_id: int,
        state: ImageState,
        reason: Reason | None = None,
        detail: str | None = None,
    ) -> None:
        image = session.get_one(Image, image_id)
        image.state, image.reason, image.detail = state, reason, detail
        image.settled_at = self._clock()

    def _end_delivery(
        self, session: Session, record: Record, outcome: Outcome, reason: Reason | None = None
    ) -> None:
        delivery = _require_delivery(session, record)
        delivery.outcome, delivery.reason = outcome, reason
        delivery.settled_at = self._clock()


def _delivery(session: Session, record: Record) -> Delivery | None:
    return session.get(Delivery, (record.topic, record.partition, record.offset))


def _require_delivery(session: Session, record: Record) -> Delivery:
    return session.get_one(Delivery, (record.topic, record.partition, record.offset))


def _by_event(submission: Submission) -> Select[Image]:
    return select(Image).where(
        Image.source == submission.source, Image.event_id == submission.event_id
    )


def _result_of(image_id: int, served: ServedModel) -> Select[int]:
    return select(Result.id).where(
        Result.image_id == image_id,
        Result.model == served.name,
        Result.version == served.version,
    )
