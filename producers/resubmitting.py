"""Handing a known picture in once more: for another model, or after it could not be doubled."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.blobs import Blob
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import DeadLetter, Image, LetterState
from infra.errors import DoubletError
from infra.eventlog.clients import EventLog
from infra.eventlog.sending import send_event
from infra.eventlog.topics import UPLOADS
from infra.events.pictures import ClaimCheck, again_event
from producers.submitting import Receipt

_UNTOUCHED = (LetterState.WAITING, LetterState.QUARANTINED)
"""A letter that a replay is at, or that was given up, is left alone."""
_UNKNOWN = "image/unknown"
"""For one that was never decoded: the consumer looks for itself."""


class NothingToResubmit(DoubletError):
    """Nothing is known of the picture's bytes."""


class Resubmitter:
    """Sends the event of a picture again, under the id that it came by: it stays one picture."""

    def __init__(self, events: EventLog, database: Database, clock: Clock = utc_now) -> None:
        self._events = events
        self._database = database
        self._clock = clock

    def resubmit(self, image_id: int, model: str | None = None) -> Receipt:
        """Ask for a picture again; its dead letter, if it has one, counts as replayed.

        A model that has doubled it already, in the version that is served, does nothing new.

        Args:
            model: by the model server's name; None: the consumer's own.

        Raises:
            NothingToResubmit: there is no such picture, or its bytes were never stored.
            EventLogUnavailable, DatabaseUnavailable: try again later.
        """
        with self._database.reading() as session:
            image = session.get(Image, image_id)
        if image is None or image.sha256 is None or not image.bytes:
            raise NothingToResubmit(
                "its bytes were never stored; `doublet dead-letters replay` sends its record again"
            )
        claim = ClaimCheck(Blob(image.sha256), image.bytes, image.media_type or _UNKNOWN)
        event = again_event(image.source, image.event_id, image.name, claim, model, self._clock())
        partition, offset = send_event(self._events, UPLOADS, event)
        with self._database.transaction() as session:
            _note_replayed(session, image_id, partition, offset)
        return Receipt(
            source=image.source,
            event_id=image.event_id,
            name=image.name,
            sha256=image.sha256,
            length=image.bytes,
            topic=UPLOADS,
            partition=partition,
            offset=offset,
        )


def _note_replayed(session: Session, image_id: int, partition: int, offset: int) -> None:
    letter = session.scalar(
        select(DeadLetter)
        .where(DeadLetter.image_id == image_id)
        .order_by(DeadLetter.id.desc())
        .limit(1)
        .with_for_update()
    )
    if letter is None or letter.state not in _UNTOUCHED:
        return
    letter.state = LetterState.REPLAYED
    if letter.topic == UPLOADS:  # the two say where on the letter's own topic
        letter.replayed_partition, letter.replayed_offset = partition, offset
