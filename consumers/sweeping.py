"""Removing blobs that nothing refers to: an event that was never sent leaves one behind.

The order is what makes it safe. The store is listed first, then the topics are read, then the
database: whatever is under way meanwhile, an event's blob is on a topic until the database has
it. Right before it is removed, each blob is looked at once more: one that was put again is young.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from infra.blobs import BlobStore, StoredBlob, open_blob_store
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import Image, Result
from infra.dead_letters.letter import PREFIX
from infra.errors import BadSetting
from infra.eventlog.clients import TopicsMissing
from infra.eventlog.offsets import intake_offsets
from infra.eventlog.reading import LogReader
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS, INTAKE
from infra.events.envelope import BadEvent, Headers
from infra.events.pictures import ClaimCheck, read_submission
from infra.settings import MEBIBYTE, Settings

_RECORD = PREFIX + "record"


@dataclass(frozen=True)
class SweepPolicy:
    """Which blobs may be removed."""

    grace: timedelta
    """Since a blob was put; a blob must outlive the event that refers to it."""

    @classmethod
    def of(cls, settings: Settings) -> "SweepPolicy":
        """As the settings have it.

        Raises:
            BadSetting: Kafka keeps events for longer than blobs are safe.
        """
        if settings.blob_grace_days <= settings.topic_retention_days:
            raise BadSetting(
                f"BLOB_GRACE_DAYS is {settings.blob_grace_days:g}; it must be more than "
                f"TOPIC_RETENTION_DAYS, {settings.topic_retention_days:g}"
            )
        return cls(timedelta(days=settings.blob_grace_days))


@dataclass(frozen=True)
class Swept:
    """What a sweep found."""

    orphans: int
    length: int
    """Of the orphans, in bytes."""
    others: int
    removed: bool

    def __str__(self) -> str:
        size = f"{self.length / MEBIBYTE:.1f} MiB"
        done = "removed" if self.removed else "would be removed by --remove"
        return f"{self.orphans} blobs, {size}, {done}; {self.others} are kept"


@dataclass(frozen=True)
class Sweeper:
    """Compares the store with everything that may refer to it."""

    settings: Settings
    database: Database
    blobs: BlobStore
    policy: SweepPolicy
    clock: Clock = utc_now

    def sweep(self, *, remove: bool) -> Swept:
        """Count the orphans, or remove them.

        Raises:
            Unavailable: a part is away; nothing that is needed was removed.
        """
        oldest = self.clock() - self.policy.grace
        stored = list(self.blobs.stored())
        needed = self._on_topics() | self._in_database()
        orphans = [it for it in stored if it.stored_at < oldest and it.blob.sha256 not in needed]
        if remove:
            orphans = [it for it in orphans if self.blobs.remove_if_older(it.blob, oldest)]
        return Swept(len(orphans), _length(orphans), len(stored) - len(orphans), remove)

    def _on_topics(self) -> set[str]:
        """What unconsumed events, and dead letters that may be replayed, refer to."""
        starts: dict[str, dict[int, int]] = {topic: {} for topic in INTAKE}
        offsets = intake_offsets(self.settings)
        if not offsets:
            raise TopicsMissing("Kafka has none of our topics: what they refer to is not known")
        for at in offsets:
            starts[at.topic][at.partition] = at.committed
        with LogReader(self.settings) as reader:
            return {
                sha256
                for topic, start in (*starts.items(), (DEAD_LETTERS, {}))
                for record in reader.since(topic, start)
                for sha256 in _referred_to(Record.from_kafka(record))
            }

    def _in_database(self) -> set[str]:
        columns = (Image.sha256, Result.sha256, Result.spread_sha256)
        with self.database.reading() as session:
            return {
                sha256
                for column in columns
                for sha256 in session.scalars(select(column).where(column.is_not(None)))
                if sha256 is not None
            }


def sweep_blobs(settings: Settings, *, remove: bool) -> Swept:
    """As the settings want it.

    Raises:
        BadSetting: BLOB_GRACE_DAYS is too short.
        Unavailable: a part is away.
    """
    policy = SweepPolicy.of(settings)
    database = Database(settings.database)
    return Sweeper(settings, database, open_blob_store(settings), policy).sweep(remove=remove)


def _referred_to(record: Record) -> Iterator[str]:
    """The blobs that a record needs when it is consumed, or replayed."""
    senders: Headers = []
    for name, value in record.headers:
        if name == _RECORD:  # a record that is too large for the topic
            yield value.decode("utf-8", "replace").rpartition(":")[2]
        elif not name.startswith(PREFIX):
            senders.append((name, value))
    try:
        submission = read_submission(senders, record.value)
    except BadEvent:
        return  # as it was refused, so it will be
    if isinstance(submission.content, ClaimCheck):
        yield submission.content.blob.sha256


def _length(stored: list[StoredBlob]) -> int:
    return sum(it.length for it in stored)
