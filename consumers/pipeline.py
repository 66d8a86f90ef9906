"""A record's way through the consumer, from its arrival to its end in the books.

1. The delivery is opened and an attempt counted, before anything of the record is looked at.
2. The picture's row is opened; its bytes are fetched, checked and decoded.
3. It is doubled, tile by tile, by one version of the model.
4. Result and spread go into the blob store, then the end into the database, in one transaction.
5. The end is announced on the results topic. Only then may the offset be committed.

A record that can never be doubled goes to the dead-letter topic before its end is written. What
is interrupted by an outage is resumed where it stood, and consumes no attempt.
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers import crash_points
from consumers.bookkeeping import Bookkeeper, Burial, Failure, StoredResult
from consumers.canvas import DoubledPicture
from consumers.dead_letters.burial import Undertaker
from consumers.decoding import decode
from consumers.doubling import Doubler, DoublingPolicy
from consumers.halt import Halt, HandedBack
from consumers.intake import fetch
from consumers.memory import Memory
from consumers.metrics import PICTURE_RETRIES, RECORDS_ENDED, count_doubling
from consumers.picture import Picture
from consumers.scratch import scratch_folder
from consumers.sizing import size_of
from consumers.timings import Timings
from infra import logs, tracing
from infra.admission import BadPicture, Limits
from infra.blobs import Blob, BlobStore
from infra.clock import Clock, utc_now
from infra.database.engine import DatabaseUnavailable
from infra.database.models import Outcome
from infra.errors import Unavailable
from infra.eventlog.clients import EventLog
from infra.eventlog.headers import is_readable
from infra.eventlog.record import Record
from infra.eventlog.sending import send_event
from infra.eventlog.topics import RESULTS
from infra.events.envelope import BadEvent
from infra.events.pictures import Submission, read_submission
from infra.events.reasons import Reason
from infra.events.settled import settled_event
from infra.publication import PublicationPolicy
from infra.settings import Settings
from serving.contract import DOUBLET
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerSlow,
    ModelServerUnavailable,
    VersionGone,
)
from serving.model_server import ModelServer, ServedModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryPolicy:
    """How often a picture is tried, and how long it rests in between."""

    max_attempts: int
    first_rest_s: float = 0.5
    """Doubled after each attempt, with jitter, so that many consumers do not come back at once."""
    max_replays: int = 3
    """How often a dead letter may be replayed before it is quarantined."""

    def rest_s(self, attempt: int) -> float:
        """How long to rest after the failed ``attempt``, counted from 1."""
        longest = self.first_rest_s * 2.0 ** (attempt - 1)
        return random.uniform(longest / 2, longest)


@dataclass(frozen=True)
class Policies:
    """Everything about the pipeline that settings decide."""

    limits: Limits
    doubling: DoublingPolicy
    retry: RetryPolicy
    publication: PublicationPolicy = field(default_factory=PublicationPolicy)
    model_name: str = DOUBLET
    """What an event that names no model is doubled with."""

    @classmethod
    def of(cls, settings: Settings) -> "Policies":
        """As the settings have them."""
        return cls(
            Limits.of(settings),
            DoublingPolicy.of(settings),
            RetryPolicy(settings.max_attempts, max_replays=settings.max_replays),
            PublicationPolicy.of(settings),
            settings.model_name,
        )


class ModelUnfit(Unavailable):
    """What the server calls our model breaks the contract: an operator must act."""

    part = "a fit model"


class ModelSick(Unavailable):
    """The model fails whatever it is given: it would burn the whole queue."""

    part = "a sound model"


class TooLargeHere(Exception):
    """Ends a journey for now: the picture is for the worker for large ones."""


class Dead(Exception):
    """Ends a journey: the record can never be doubled."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(frozen=True)
class Pipeline:
    """The parts that every journey uses."""

    events: EventLog
    blobs: BlobStore
    model: ModelServer
    books: Bookkeeper
    policies: Policies
    halt: Halt
    memory: Memory
    clock: Clock = utc_now
    others: Mapping[str, ModelServer] = field(default_factory=dict)
    """What an event may ask for by its name in place of ``model``."""


class Journey:
    """One record on its way; `run` may be called again after an outage, and goes on."""

    def __init__(
        self,
        pipeline: Pipeline,
        record: Record,
        traceparent: str | None = None,
        *,
        large_too: bool = True,
    ) -> None:
        """
        Args:
            traceparent: the span that the record was sent in, carried on to what tells of its end.
            large_too: whether a large picture is doubled here.
        """
        self._traceparent = traceparent
        self._pipeline = pipeline
        self._large_too = large_too
        self._books = pipeline.books
        self._record = record
        self._model = pipeline.model
        self._attempt: int | None = None
        self._failure: Failure | None = None
        self._burial: Burial | None = None

    def run(self) -> Outcome | None:
        """Bring the record to its end, and answer which it is.

        Raises:
            Unavailable: a part is away, and no attempt was consumed; run again later.
            HandedBack: the consumer stops; likewise.
            TooLargeHere: it is for another worker; likewise.
        """
        try:
            if self._books.open_delivery(self._record) is None:
                self._settle()
            return self._announce()
        except (Unavailable, HandedBack, TooLargeHere):
            self._give_back_attempt()
            raise

    def _settle(self) -> None:
        try:
            if self._failure is None:
                self._begin_attempt()
                self._double()
        except Dead as end:
            self._failure = end.failure
        if self._failure is not None:
            self._settle_dead(self._failure)
        self._attempt = None

    def _double(self) -> None:
        submission = self._read()
        image_id = self._books.open_image(self._record, submission)
        logs.note(image_id=image_id, event_id=submission.event_id)
        tracing.note({"doublet.image_id": image_id, "doublet.event_id": submission.event_id})
        self._model = self._wanted_model(submission.model)
        blob, content = self._fetch(submission)
        size = size_of(content, self._pipeline.policies.limits.max_pixels)
        if size.large and not self._large_too:
            raise TooLargeHere
        with self._pipeline.memory.hold(size.bytes):
            self._double_content(image_id, blob, content, submission)

    def _double_content(
        self, image_id: int, blob: Blob, content: bytes, submission: Submission
    ) -> None:
        while True:
            served = self._describe()
            if self._books.has_result(image_id, served):
                self._books.settle_duplicate(self._record)
                RECORDS_ENDED.labels(Outcome.DUPLICATE, "").inc()
                return
            self._books.note_work(self._record, image_id, blob, len(content))
            try:
                self._try(image_id, content, submission, served)
            except VersionGone:
                # Another version took over: the same attempt, with that one.
                self._pipeline.halt.rest(self._pipeline.policies.retry.first_rest_s)
            except ModelServerSlow as error:
                self._describe()  # a server that is away consumes no attempt
                self._rest_or_die(image_id, str(error), served)
            except ModelMisbehaved as error:
                self._rest_or_die(image_id, str(error), served)
            else:
                return

    def _try(
        self, image_id: int, content: bytes, submission: Submission, served: ServedModel
    ) -> None:
        pipeline = self._pipeline
        sent_at = submission.sent_at or self._record.sent_at
        timings = Timings(max(0.0, (pipeline.clock() - sent_at).total_seconds()))
        with timings.stage("decode"), tracing.span("decode"):
            picture = self._decode(content)
        self._books.note_picture(image_id, picture)
        with scratch_folder() as folder:
            try:
                doubler = Doubler(self._model, served, pipeline.policies.doubling)
                doubled = doubler.double(picture, folder, timings, pipeline.halt)
            except ModelRefused as error:
                self._require_sound_model(served)
                raise Dead(Failure(Reason.MODEL_REFUSED, "model", str(error))) from error
            with timings.stage("store"), tracing.span("store"):
                stored = self._store(doubled)
            crash_points.reached("after-blob")
        outcome = self._books.settle_done(self._record, image_id, served, stored, timings)
        pixels, seconds = doubled.width * doubled.height, timings.all_seconds
        count_doubling(outcome, served.name, served.version, pixels, seconds)
        log.info(
            "%s %s: %s, %d x %d in %.2f s",
            self._record,
            submission.name,
            outcome,
            doubled.width,
            doubled.height,
            timings.total_s,
        )

    def _describe(self) -> ServedModel:
        try:
            return self._model.describe()
        except ModelMisbehaved as error:
            raise ModelUnfit(f"the served model cannot be used: {error}") from error

    def _wanted_model(self, name: str | None) -> ModelServer:
        """The model that an event asks for; it must not wait for one that nobody serves."""
        usual = self._pipeline.model
        if name is None or name == self._pipeline.policies.model_name:
            return usual
        model = self._pipeline.others.get(name)
        if model is None:
            raise Dead(Failure(Reason.MODEL_REFUSED, "model", f"there is no model {name!r}"))
        try:
            model.status()
        except ModelServerUnavailable as error:
            usual.status()  # a server that is away is waited for
            detail = f"the model server has no model {name!r}"
            raise Dead(Failure(Reason.MODEL_REFUSED, "model", detail)) from error
        return model

    def _read(self) -> Submission:
        if not all(is_readable(name) for name, _ in self._record.headers):
            detail = "the name of a header is not UTF-8"
            raise Dead(Failure(Reason.BAD_ENVELOPE, "envelope", detail))
        try:
            return read_submission(self._record.headers, self._record.value)
        except BadEvent as error:
            raise Dead(Failure(error.reason, "envelope", str(error))) from error

    def _fetch(self, submission: Submission) -> tuple[Blob, bytes]:
        limits = self._pipeline.policies.limits
        try:
            with tracing.span("fetch"):
                return fetch(submission, self._pipeline.blobs, limits.max_bytes)
        except BadEvent as error:
            raise Dead(Failure(error.reason, "fetch", str(error))) from error

    def _decode(self, content: bytes) -> Picture:
        try:
            return decode(content, self._pipeline.policies.limits)
        except BadPicture as error:
            raise Dead(Failure(error.reason, "decode", str(error))) from error

    def _store(self, doubled: DoubledPicture) -> StoredResult:
        blobs = self._pipeline.blobs
        return StoredResult(
            doubled=doubled,
            blob=blobs.put_file(doubled.file),
            length=doubled.file.stat().st_size,
            spread=blobs.put_file(doubled.spread_file) if doubled.spread_file else None,
        )

    def _begin_attempt(self) -> None:
        most = self._pipeline.policies.retry.max_attempts
        if self._attempt is None:
            self._attempt = self._books.begin_attempt(self._record, most)
        if self._attempt is None:
            detail = f"it ended the consumer's process {most} times"
            raise Dead(Failure(Reason.CRASH_LOOP, "attempt", detail))

    def _give_back_attempt(self) -> None:
        if self._attempt is None:
            return
        try:
            self._books.give_back_attempt(self._record)
        except DatabaseUnavailable:
            return  # it stays ours: the next run goes on with it, and does not count another
        self._attempt = None

    def _rest_or_die(self, image_id: int, detail: str, served: ServedModel) -> None:
        retry = self._pipeline.policies.retry
        attempt = self._attempt or retry.max_attempts
        if attempt >= retry.max_attempts:
            self._require_sound_model(served)
            raise Dead(Failure(Reason.FAILED, "model", detail))
        self._books.note_retry(image_id, detail)
        PICTURE_RETRIES.inc()
        self._attempt = None
        self._pipeline.halt.rest(retry.rest_s(attempt))
        self._begin_attempt()

    def _require_sound_model(self, served: ServedModel) -> None:
        """Before a picture is blamed: a model that fails at plain grey fails at all of them.

        Raises:
            ModelSick: it does; the picture waits, and those behind it.
        """
        doubler = Doubler(self._model, served, self._pipeline.policies.doubling)
        try:
            doubler.double_plain_tile()
        except (ModelMisbehaved, ModelRefused, ModelServerSlow) as error:
            raise ModelSick(f"it fails at a plain grey tile as well: {error}") from error
        except VersionGone:
            return

    def _settle_dead(self, failure: Failure) -> None:
        if self._burial is None:
            self._burial = self._bury(failure)
        self._books.settle_dead(self._record, failure, self._burial)
        RECORDS_ENDED.labels(Outcome.DEAD, failure.reason).inc()
        log.warning("%s: dead, %s: %s", self._record, failure.reason, failure.detail)

    def _bury(self, failure: Failure) -> Burial:
        pipeline = self._pipeline
        retry = pipeline.policies.retry
        undertaker = Undertaker(pipeline.events, pipeline.blobs, retry.max_replays)
        attempts = self._attempt or retry.max_attempts
        return undertaker.bury(self._record, failure, attempts, pipeline.clock())

    def _announce(self) -> Outcome | None:
        delivery, image, result = self._books.read_end(self._record)
        if image is None:
            return delivery.outcome  # without a readable envelope there is nobody to tell
        pipeline = self._pipeline
        private = pipeline.policies.publication.is_private(image.lane, image.copyright)
        event = settled_event(
            delivery, image, result, pipeline.clock(), self._traceparent, private=private
        )
        send_event(pipeline.events, RESULTS, event, image.event_id.encode())
        return delivery.outcome
