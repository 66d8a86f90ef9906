"""The proof of the books: every offset of every partition has exactly one end, or is named.

Nothing here is shared with the consumer. The database's rows are laid end to end along Kafka's
offsets; where they leave a hole, or where they say that an offset holds no record, Kafka's log
itself is read to see what lies there.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.database.models import DeadLetter, Delivery, Gap, GapCause, Image, Outcome, Result
from infra.eventlog.clients import EventLogUnavailable, translated
from infra.eventlog.offsets import PartitionOffsets
from infra.settings import Settings

_ROWS = 10_000
"""Deliveries that are held at a time: a year's do not fit into memory."""
_POLL_MS = 500
_PATIENCE_S = 30.0
"""How long Kafka may take over one stretch of its log."""
_RECORDS = 50
"""In one poll: each may be a whole picture."""


@dataclass(frozen=True)
class Span:
    """Neighbouring offsets of one partition, from the first to the last."""

    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"offset {self.first}"
        return f"offsets {self.first} to {self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1


class Log(Protocol):
    """Kafka's log, as far as the proof needs it."""

    def records(self, topic: str, partition: int, span: Span) -> list[int]:
        """The offsets in a span at which there is a record.

        Raises:
            EventLogUnavailable: Kafka does not answer.
        """


@dataclass(frozen=True)
class Verification:
    """What was found; without a difference, the books are proven."""

    ended: int
    in_flight: int
    empty: int
    """Offsets that hold no record: a transaction's markers, or taken away by compaction."""
    deleted: int
    """Offsets whose record Kafka deleted before it was delivered."""
    differences: tuple[str, ...]
    """One line each."""


def verify(session: Session, log: Log, partitions: Sequence[PartitionOffsets]) -> Verification:
    """Prove the books, or say where they are wrong.

    Read the partitions' offsets first and open the session afterwards, as for `read_books`.

    Raises:
        EventLogUnavailable: Kafka does not answer; nothing is proven then.
    """
    counts, lines = Counter[str](), []
    for at in partitions:
        proof = _Proof(session, log, at)
        lines += [f"{at.topic} {at.partition}: {line}" for line in proof.differences()]
        counts += proof.counts
    lines += _strangers(session, partitions)
    lines += _ends_without_evidence(session)
    return Verification(
        counts["ended"], counts["in flight"], counts["empty"], counts["deleted"], tuple(lines)
    )


class _Proof:
    """Of one partition."""

    def __init__(self, session: Session, log: Log, at: PartitionOffsets) -> None:
        self._session = session
        self._log = log
        self._at = at
        self.counts = Counter[str]()

    def differences(self) -> Iterator[str]:
        """Go along the partition once."""
        expected, ended_ahead = 0, 0
        for first, last, cause in self._accounted():
            if last >= self._at.end:
                yield f"{Span(first, last)} in the database, and Kafka ends at {self._at.end}"
                continue
            if first < expected:
                yield f"{Span(first, min(last, expected - 1))} accounted for twice"
            if first > expected:
                yield from self._hole(expected, min(first, self._at.committed) - 1)
            if cause is None:
                self.counts["ended"] += 1
            else:
                yield from self._passed_over(Span(first, last), cause)
            if last >= self._at.committed:
                ended_ahead += last - max(first, self._at.committed) + 1
            expected = max(expected, last + 1)
        yield from self._hole(expected, self._at.committed - 1)
        self.counts["in flight"] += self._at.end - self._at.committed - ended_ahead

    def _accounted(self) -> Iterator[tuple[int, int, GapCause | None]]:
        """Deliveries that ended, and gaps, by offset; a gap's cause says which of them it is."""
        here = (Delivery.topic == self._at.topic) & (Delivery.partition == self._at.partition)
        deliveries = self._session.execute(
            select(Delivery.offset)
            .where(here, Delivery.outcome.is_not(None))
            .order_by(Delivery.offset)
            .execution_options(yield_per=_ROWS)
        )
        gaps = [
            (gap.first, gap.last, gap.cause)
            for gap in self._session.scalars(
                select(Gap)
                .where(Gap.topic == self._at.topic, Gap.partition == self._at.partition)
                .order_by(Gap.first)
            )
        ]
        for (offset,) in deliveries:
            while gaps and gaps[0][0] <= offset:
                yield gaps.pop(0)
            yield offset, offset, None
        yield from gaps

    def _hole(self, first: int, last: int) -> Iterator[str]:
        """Committed offsets of which the database knows no end."""
        beginning = self._at.beginning
        if first < min(beginning, last + 1):
            gone = Span(first, min(last, beginning - 1))
            yield f"{gone} committed without an end, and deleted from Kafka since"
        if max(first, beginning) <= last:
            span = Span(max(first, beginning), last)
            found = self._log.records(self._at.topic, self._at.partition, span)
            self.counts["empty"] += len(span) - len(found)
            for missing in _spans(found):
                yield f"{missing} missing: committed, and the database has no end of it"

    def _passed_over(self, span: Span, cause: GapCause) -> Iterator[str]:
        """Offsets that the consumer says hold no record for it."""
        self.counts[cause.value] += len(span)
        if cause is GapCause.DELETED or span.last < self._at.beginning:
            return
        for kept in _spans(self._log.records(self._at.topic, self._at.partition, span)):
            yield f"{kept} passed over as empty, and Kafka has a record there"


class KafkaLog:
    """A Log read with a consumer outside any group."""

    def __init__(self, consumer: KafkaConsumer, settings: Settings) -> None:
        self._consumer = consumer
        self._settings = settings

    def records(self, topic: str, partition: int, span: Span) -> list[int]:
        place = TopicPartition(topic, partition)
        found: list[int] = []
        deadline = time.monotonic() + _PATIENCE_S
        with translated(self._settings):
            self._consumer.assign([place])
            self._consumer.seek(place, span.first)
            while self._consumer.position(place) <= span.last:
                if time.monotonic() > deadline:
                    raise EventLogUnavailable(f"{topic} {partition}: {span} could not be read")
                batches = self._consumer.poll(_POLL_MS, max_records=_RECORDS)
                found += [record.offset for record in batches.get(place, [])]
        return [offset for offset in found if offset <= span.last]


def _spans(offsets: list[int]) -> Iterator[Span]:
    """Neighbours taken together, so that a difference is one line."""
    known = set(offsets)
    firsts = (offset for offset in offsets if offset - 1 not in known)
    lasts = (offset for offset in offsets if offset + 1 not in known)
    return map(Span, firsts, lasts)


def _strangers(session: Session, partitions: Sequence[PartitionOffsets]) -> Iterator[str]:
    """Deliveries of partitions that Kafka does not have."""
    known = {(at.topic, at.partition) for at in partitions}
    for topic, partition in session.execute(
        select(Delivery.topic, Delivery.partition).distinct().order_by(Delivery.topic)
    ):
        if (topic, partition) not in known:
            yield f"{topic} {partition}: in the database, and Kafka has no such partition"


def _ends_without_evidence(session: Session) -> Iterator[str]:
    """A picture that is done has a result, and a dead one its dead letter."""
    doubled = select(Result.id).where(Result.image_id == Image.id).exists()
    unproven = (
        select(Delivery.topic, Delivery.partition, Delivery.offset, Delivery.outcome)
        .outerjoin(Image, Delivery.image_id == Image.id)
        .where(Delivery.outcome.in_([Outcome.DONE, Outcome.DUPLICATE]), ~doubled)
    )
    for topic, partition, offset, outcome in session.execute(unproven):
        yield f"{topic} {partition}: offset {offset} is {outcome}, and there is no result of it"
    letter = (
        select(DeadLetter.id)
        .where(
            DeadLetter.topic == Delivery.topic,
            DeadLetter.partition == Delivery.partition,
            DeadLetter.offset == Delivery.offset,
        )
        .exists()
    )
    unburied = select(Delivery.topic, Delivery.partition, Delivery.offset).where(
        Delivery.outcome == Outcome.DEAD, ~letter
    )
    for topic, partition, offset in session.execute(unburied):
        yield f"{topic} {partition}: offset {offset} is dead, and there is no dead letter of it"
