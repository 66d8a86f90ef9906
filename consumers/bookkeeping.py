"""What the consumer writes into the database, one short transaction for each step.

The order of the steps is the promise: a delivery is opened before anything is looked at, an
attempt is counted before the work starts, and a record's end is written in one transaction.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from consumers.canvas import DoubledPicture
from consumers.lanes import PassedOver
from consumers.picture import Picture
from consumers.timings import Timings
from infra.alerts import alert
from infra.blobs import Blob
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import (
    AlertKind,
    DeadLetter,
    Delivery,
    Gap,
    GapCause,
    Image,
    ImageState,
    LetterState,
    Outcome,
    Result,
)
from infra.errors import Unavailable
from infra.eventlog.record import Record
from infra.events.pictures import Submission
from infra.events.reasons import Reason
from infra.tally import open_partition
from serving.model_server import ServedModel

_LONGEST_COMMIT = 100
"""As the column is; what a card says is not ours."""


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


@dataclass(frozen=True)
class Burial:
    """Where on the dead-letter topic a record was put aside."""

    partition: int
    offset: int
    replays: int
    """How often it had been replayed before."""
    state: LetterState


class AnotherKafka(Unavailable):
    """Kafka and the database do not belong together: an operator must act, nothing is written."""

    part = "the right database"


class Bookkeeper:
    """Writes the books.

    Every method raises DatabaseUnavailable when the database is away; nothing is written then,
    and calling it again is right.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def open_delivery(self, record: Record) -> Outcome | None:
        """Note that a record arrived; answers its outcome if it was settled before.

        Raises:
            AnotherKafka: the database knows a different record at this address.
        """
        with self._database.transaction() as session:
            known = session.get(Delivery, record.address)
            if known is None:
                known = self._insert_delivery(session, record)
            if known.sent_at != record.sent_at:
                raise AnotherKafka(
                    f"{record} was sent at {record.sent_at}, and the database knows one of "
                    f"{known.sent_at} there: it belongs to another Kafka; give each its own "
                    "DATABASE_URL"
                )
            return known.outcome

    def begin_attempt(self, record: Record, most: int) -> int | None:
        """Count an attempt before it starts, and answer its number; None when all are used up."""
        with self._database.transaction() as session:
            delivery = _locked(session, record)
            if delivery.attempts >= most:
                return None
            delivery.attempts += 1
            return delivery.attempts

    def give_back_attempt(self, record: Record) -> None:
        """Undo an attempt that was broken off through no fault of the picture."""
        with self._database.transaction() as session:
            delivery = _locked(session, record)
            if delivery.outcome is None:
                delivery.attempts -= 1
                self._show_attempts(session, delivery)

    def open_image(self, record: Record, submission: Submission) -> int:
        """Find or make the picture's row, link the delivery to it, and answer its id."""
        with self._database.transaction() as session:
            image = session.scalar(_by_event(submission))
            if image is None:
                image = self._new_image(record, submission)
                try:
                    with session.begin_nested():
                        session.add(image)
                except IntegrityError:  # another consumer was quicker
                    image = session.scalars(_by_event(submission)).one()
            _locked(session, record).image_id = image.id
            return image.id

    def has_result(self, image_id: int, served: ServedModel) -> bool:
        """Whether this version has doubled the picture already."""
        with self._database.reading() as session:
            return session.scalar(_result_of(image_id, served)) is not None

    def note_work(self, record: Record, image_id: int, blob: Blob, length: int) -> None:
        """Show that an attempt at the picture is under way, and at which bytes."""
        with self._database.transaction() as session:
            image = session.get_one(Image, image_id)
            image.state, image.reason, image.detail = ImageState.WORKING, None, None
            image.sha256, image.bytes, image.settled_at = blob.sha256, length, None
            self._show_attempts(session, _locked(session, record))

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
            image.media_type = picture.media_type
            image.notes = "; ".join(picture.notes) or None

    def settle_done(
        self,
        record: Record,
        image_id: int,
        served: ServedModel,
        stored: StoredResult,
        timings: Timings,
    ) -> Outcome:
        """Write the result; a duplicate if another consumer wrote one in the meantime."""
        with self._database.transaction() as session:
            delivery = _locked(session, record)
            if delivery.outcome is not None:
                return delivery.outcome
            outcome = Outcome.DONE
            try:
                with session.begin_nested():
                    session.add(self._result(image_id, served, stored, timings))
            except IntegrityError:
                outcome = Outcome.DUPLICATE
            self._end_image(session, delivery, ImageState.DONE)
            self._end_delivery(delivery, outcome)
            return outcome

    def settle_duplicate(self, record: Record) -> None:
        """The picture has a result of this version already."""
        with self._database.transaction() as session:
            delivery = _locked(session, record)
            if delivery.outcome is None:
                self._end_image(session, delivery, ImageState.DONE)
                self._end_delivery(delivery, Outcome.DUPLICATE)

    def settle_dead(self, record: Record, failure: Failure, burial: Burial) -> None:
        """The record was put aside; its bytes are on the dead-letter topic already.

        A picture that has a result keeps it: only this record of it is dead.
        """
        with self._database.transaction() as session:
            delivery = _locked(session, record)
            if delivery.outcome is not None:
                return
            if _has_result(session, delivery.image_id):
                self._end_image(session, delivery, ImageState.DONE)
            else:
                self._end_image(session, delivery, ImageState.DEAD, failure.reason, failure.detail)
            self._end_delivery(delivery, Outcome.DEAD, failure.reason)
            session.add(self._dead_letter(record, delivery, failure, burial))

    def note_gap(self, passed: PassedOver) -> None:
        """Offsets hold no record for us; of deleted ones, a person must know."""
        with self._database.transaction() as session:
            if session.get(Gap, (passed.topic, passed.partition, passed.first)):
                return
            now = self._clock()
            session.add(Gap(**asdict(passed), found_at=now))
            if passed.cause is GapCause.DELETED:
                detail = f"offsets {passed.first} to {passed.last} were deleted undelivered"
                place = f"{passed.topic} {passed.partition}"
                session.add(alert(AlertKind.DELETED, place, detail, now))

    def read_end(self, record: Record) -> tuple[Delivery, Image | None, Result | None]:
        """How a settled record ended, for telling others."""
        with self._database.reading() as session:
            delivery = session.get_one(Delivery, record.address)
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
            remark=submission.remark,
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
            consistency=stored.doubled.consistency,
            seam_step=stored.doubled.seam_step,
            tiles=stored.doubled.tiles,
            tile_side=stored.doubled.tiling.side,
            halo=stored.doubled.tiling.halo,
            model_commit=str(served.card.get("commit", ""))[:_LONGEST_COMMIT] or None,
            queue_s=timings.queue_s,
            **{f"{stage}_s": seconds for stage, seconds in timings.seconds.items()},
            stored_at=self._clock(),
        )

    def _dead_letter(
        self, record: Record, delivery: Delivery, failure: Failure, burial: Burial
    ) -> DeadLetter:
        now = self._clock()
        return DeadLetter(
            image_id=delivery.image_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            reason=failure.reason,
            stage=failure.stage,
            detail=failure.detail,
            attempts=delivery.attempts,
            first_failed_at=now,
            last_failed_at=now,
            state=burial.state,
            replays=burial.replays,
            letter_partition=burial.partition,
            letter_offset=burial.offset,
        )

    def _insert_delivery(self, session: Session, record: Record) -> Delivery:
        delivery = Delivery(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            attempts=0,
            sent_at=record.sent_at,
            received_at=self._clock(),
        )
        try:
            with session.begin_nested():
                session.add(delivery)
        except IntegrityError:  # another consumer was quicker
            return session.get_one(Delivery, record.address)
        open_partition(session, record.topic, record.partition)
        return delivery

    def _show_attempts(self, session: Session, delivery: Delivery) -> None:
        if delivery.image_id is not None:
            session.get_one(Image, delivery.image_id).attempts = delivery.attempts

    def _end_image(
        self,
        session: Session,
        delivery: Delivery,
        state: ImageState,
        reason: Reason | None = None,
        detail: str | None = None,
    ) -> None:
        if delivery.image_id is not None:
            image = session.get_one(Image, delivery.image_id)
            image.state, image.reason, image.detail = state, reason, detail
            image.settled_at = self._clock()

    def _end_delivery(
        self, delivery: Delivery, outcome: Outcome, reason: Reason | None = None
    ) -> None:
        delivery.outcome, delivery.reason = outcome, reason
        delivery.settled_at = self._clock()


def _locked(session: Session, record: Record) -> Delivery:
    """The record's row, ours until the transaction ends: another consumer may have it as well."""
    return session.get_one(Delivery, record.address, with_for_update=True)


def _has_result(session: Session, image_id: int | None) -> bool:
    if image_id is None:
        return False
    return session.scalar(select(Result.id).where(Result.image_id == image_id).limit(1)) is not None


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
