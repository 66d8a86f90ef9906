"""The tables, in the words of the domain."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from infra.database.types import UtcDateTime, in_words


class Lane(StrEnum):
    """How a picture came to us."""

    UPLOAD = "upload"
    APOD = "apod"


class ImageState(StrEnum):
    """Where a picture stands; all but ``working`` and ``retrying`` are ends."""

    WORKING = "working"
    RETRYING = "retrying"
    DONE = "done"
    SKIPPED = "skipped"
    DEAD = "dead"


class Outcome(StrEnum):
    """How one Kafka record ended; a record without outcome is in flight."""

    DONE = "done"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    DEAD = "dead"


class LetterState(StrEnum):
    """What became of a dead letter.

    ``waiting`` for an operator; ``quarantined`` when the record has failed after so many replays
    that it is replayed only by name; ``replaying`` while one command is at it.
    """

    WAITING = "waiting"
    QUARANTINED = "quarantined"
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class ApodState(StrEnum):
    """Where a calendar day of APOD stands.

    ``asking`` means that one process is at it now, until ``next_try_at`` at most. ``published``
    means that the day's event is on Kafka; what became of the picture is in ``images``.
    ``skipped`` is a day without a picture; ``failed`` one that was given up after many faults.
    """

    WAITING = "waiting"
    ASKING = "asking"
    PUBLISHED = "published"
    SKIPPED = "skipped"
    FAILED = "failed"


class StandIn(StrEnum):
    """What is doubled for a day that is not a picture, where the operator wants something."""

    POSTER = "poster"
    """A frame that the service itself shows of the day's video."""
    PREVIOUS_IMAGE = "previous-image"
    """The picture of the last day before that had one."""


class PartState(StrEnum):
    """How a part of the system says it is."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    RESTARTING = "restarting"
    STOPPED = "stopped"


class GapCause(StrEnum):
    """Why an offset was passed over without a record."""

    DELETED = "deleted"
    """Retention or an operator deleted the record before it was delivered."""
    EMPTY = "empty"
    """The offset holds no record: a transaction's marker, or one that compaction took away."""


class AlertKind(StrEnum):
    """What a person must know of, even after it has passed."""

    STALLED = "stalled"
    """A partition did not move while there was something to take."""
    DELETED = "deleted"
    """Records were deleted before they were delivered."""
    BOOKS = "books"
    """They do not add up."""
    LAG = "lag"
    """A record waits for too long."""
    WAITING = "waiting"
    """A consumer has waited for a part for too long."""
    DEAD_LETTERS = "dead letters"
    """Many records died within an hour."""
    APOD_LATE = "APOD late"
    """A day's picture has not come."""
    DISK = "disk"
    """It is nearly full."""


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy declares it so)
        datetime: UtcDateTime(),
        # SQLite numbers rows by itself only where the key is a plain INTEGER.
        int: BigInteger().with_variant(Integer(), "sqlite"),
        Lane: in_words(Lane),
        ImageState: in_words(ImageState),
        Outcome: in_words(Outcome),
        LetterState: in_words(LetterState),
        ApodState: in_words(ApodState),
        StandIn: in_words(StandIn),
        PartState: in_words(PartState),
        GapCause: in_words(GapCause),
        AlertKind: in_words(AlertKind),
    }


class Image(Base):
    """One per event: a picture and what became of it. Unique by (source, event id)."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_images_state_received", "state", "received_at"),
        Index("ix_images_received", "received_at"),
        Index("ix_images_lane_received", "lane", "received_at"),
        Index("ix_images_lane_state_received", "lane", "state", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(String(200))
    lane: Mapped[Lane]
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    bytes: Mapped[int | None]
    media_type: Mapped[str | None] = mapped_column(String(100))
    width: Mapped[int | None]
    height: Mapped[int | None]
    credit: Mapped[str | None] = mapped_column(Text)
    copyright: Mapped[str | None] = mapped_column(Text)
    remark: Mapped[str | None] = mapped_column(Text)
    """What the sender says of it, such as whose place it takes."""
    notes: Mapped[str | None] = mapped_column(Text)
    """What was done to the picture besides doubling, such as ``first frame of 20``."""
    state: Mapped[ImageState]
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    """Of the delivery that was at it last."""
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    results: Mapped[list["Result"]] = relationship(
        back_populates="image", order_by="Result.id.desc()"
    )


class Result(Base):
    """A doubled picture. Unique by image and model version. Stages are in seconds."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("image_id", "model", "version"),
        Index("ix_results_stored", "stored_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    model: Mapped[str] = mapped_column(String(100))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    spread_sha256: Mapped[str | None] = mapped_column(String(64))
    mean_spread: Mapped[float | None]
    """Mean over all pixels of the members' standard deviation of luma, in grey levels."""
    consistency: Mapped[float | None]
    """PSNR in dB of the result, halved by antialiased bicubic, with the picture that came in."""
    seam_step: Mapped[float | None]
    """By how many grey levels the steps across tiles' borders exceed those beside; None where the
    picture is one tile."""
    tiles: Mapped[int]
    tile_side: Mapped[int | None]
    """In input pixels, halo included."""
    halo: Mapped[int | None]
    """In input pixels."""
    model_commit: Mapped[str | None] = mapped_column(String(100))
    """Of the sources that the model was made from, as its card says."""
    queue_s: Mapped[float]
    decode_s: Mapped[float]
    tile_s: Mapped[float]
    model_s: Mapped[float]
    join_s: Mapped[float]
    store_s: Mapped[float]
    stored_at: Mapped[datetime]

    image: Mapped[Image] = relationship(back_populates="results")


class Delivery(Base):
    """One per consumed Kafka record: what the books are kept in."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_outcome", "topic", "partition", "outcome", "offset"),)

    topic: Mapped[str] = mapped_column(String(249), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    outcome: Mapped[Outcome | None]
    reason: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    """Counted before anything of the record is looked at."""
    sent_at: Mapped[datetime]
    """Kafka's timestamp of the record: another one at this place is another Kafka's."""
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Gap(Base):
    """Offsets that the consumer passed over because they hold no record for it."""

    __tablename__ = "gaps"

    topic: Mapped[str] = mapped_column(String(249), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]
    cause: Mapped[GapCause]
    found_at: Mapped[datetime]


class DeadLetter(Base):
    """One per record that was put aside: why, and where its bytes are."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint("topic", "partition", "offset"),
        Index("ix_dead_letters_state_reason", "state", "reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    topic: Mapped[str] = mapped_column(String(249))
    partition: Mapped[int]
    offset: Mapped[int]
    key: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str] = mapped_column(String(64), index=True)
    stage: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    first_failed_at: Mapped[datetime]
    last_failed_at: Mapped[datetime]
    state: Mapped[LetterState] = mapped_column(
        default=LetterState.WAITING, server_default=LetterState.WAITING.value
    )
    replays: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the record had been replayed when it died here."""
    letter_partition: Mapped[int | None]
    letter_offset: Mapped[int | None]
    """Where the letter lies on the dead-letter topic."""
    claimed_at: Mapped[datetime | None]
    """Since when a replay is at it."""
    claimed_ends: Mapped[str | None] = mapped_column(Text)
    """Where the partitions of its topic ended before it was sent, as JSON: a replay that was
    interrupted looks behind them for what it sent."""
    replayed_partition: Mapped[int | None]
    replayed_offset: Mapped[int | None]
    """Where on its topic it was sent again."""


class ApodDay(Base):
    """One calendar day of APOD and what is known of it."""

    __tablename__ = "apod_days"
    __table_args__ = (Index("ix_apod_days_state_next_try", "state", "next_try_at"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[ApodState]
    reason: Mapped[str | None] = mapped_column(Text)
    backfill: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Asked for by the backfill, and not because it was the newest."""
    stand_in: Mapped[StandIn | None]
    """What was sent in the place of a picture; None: the day's own, or nothing."""
    title: Mapped[str | None] = mapped_column(Text)
    explanation: Mapped[str | None] = mapped_column(Text)
    credit: Mapped[str | None] = mapped_column(Text)
    copyright: Mapped[str | None] = mapped_column(Text)
    media_type: Mapped[str | None] = mapped_column(String(16))
    permalink: Mapped[str | None] = mapped_column(Text)
    picture_url: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(String(200))
    event_id: Mapped[str | None] = mapped_column(String(200))
    """(source, event_id) names the row of ``images``, which appears once Kafka delivers it."""
    tries: Mapped[int] = mapped_column(default=0)
    faults: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the service answered with something that is neither an entry nor that it has
    none; that it could not be asked is not the day's fault."""
    next_try_at: Mapped[datetime | None]
    sending: Mapped[str | None] = mapped_column(Text)
    """Topic and ends of its partitions before a send whose outcome is not known, as JSON: whoever
    tries again looks behind them first."""
    absent_at: Mapped[datetime | None]
    """When the service said last that it had no entry for the day."""
    present_at: Mapped[datetime | None]
    """When it had one for the first time."""
    updated_at: Mapped[datetime]


class LagSample(Base):
    """How far the consumers of one partition were behind, at one moment."""

    __tablename__ = "lag_samples"

    taken_at: Mapped[datetime] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(249), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    end_offset: Mapped[int]
    committed_offset: Mapped[int]
    seconds_behind: Mapped[float]


class Alert(Base):
    """Something that a person must know of; open until it has passed or was acknowledged."""

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_cleared", "cleared_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[AlertKind]
    subject: Mapped[str] = mapped_column(String(300))
    detail: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    acknowledged: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether a person cleared it; otherwise it has passed."""


class ModelChoice(Base):
    """A person's choice of the version of a model to double with; the newest one counts."""

    __tablename__ = "model_choices"
    __table_args__ = (Index("ix_model_choices_model", "model"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    version: Mapped[int]
    chosen_at: Mapped[datetime]


class Part(Base):
    """One running part of the system, by its own account and its supervisor's."""

    __tablename__ = "parts"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[PartState]
    detail: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[str] = mapped_column(String(50))
    pid: Mapped[int | None]
    restarts: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime]
    """Since when it is in this state."""
    seen_at: Mapped[datetime]
