"""Sets the group's offsets back to where the books end, so that nothing stays passed over.

After a restore the database may be older than the offsets that Kafka knows. The consumer would go
on at the offsets, and the records in between would be missing from the books for ever.
"""

import time
from dataclasses import dataclass

from kafka import TopicPartition
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata
from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.database.models import Delivery, Gap
from infra.errors import DoubletError
from infra.eventlog.clients import open_admin, translated
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.topics import GROUP
from infra.settings import Settings

_PATIENCE_SECONDS = 30.0
"""A group forgets a member that was not heard of for 15 s."""
_REST_SECONDS = 0.5
_ROWS = 10_000
"""Deliveries that are held at a time."""


class CannotRewind(DoubletError):
    """Kafka refuses: a consumer is still there."""


@dataclass(frozen=True)
class Rewound:
    """One partition whose offset was set back."""

    topic: str
    partition: int
    committed: int
    """As it was."""
    books: int
    """As it is: the first record whose end the database does not know."""


def behind_the_books(session: Session, offsets: list[PartitionOffsets]) -> list[Rewound]:
    """The partitions whose committed offset has passed over records without an end.

    Read the offsets first and open the session afterwards, as for `read_books`.
    """
    places = ((at, _first_without_end(session, at)) for at in offsets)
    return [
        Rewound(at.topic, at.partition, at.committed, books)
        for at, books in places
        if books < at.committed
    ]


def rewind(
    settings: Settings, partitions: list[Rewound], patience_s: float = _PATIENCE_SECONDS
) -> None:
    """Commit where the books end; the records from there on are delivered again.

    Those that have their end already keep it. No consumer may run; one that was killed, or that
    was alive when a broker's log was copied, is waited for until Kafka has forgotten it.

    Raises:
        CannotRewind: a consumer is still in the group.
        EventLogUnavailable: Kafka does not answer.
    """
    wanted = {
        TopicPartition(it.topic, it.partition): OffsetAndMetadata(it.books, "", -1)
        for it in partitions
    }
    deadline = time.monotonic() + patience_s
    with open_admin(settings) as admin, translated(settings):
        while refused := _refusals(admin.alter_group_offsets(GROUP, wanted)):
            if time.monotonic() > deadline:
                raise CannotRewind(f"Kafka refuses ({refused}): stop every consumer, and try again")
            time.sleep(_REST_SECONDS)


def _refusals(answers: dict[TopicPartition, type[KafkaError]]) -> str:
    return ", ".join(sorted({it.__name__ for it in answers.values() if it is not NoError}))


def _first_without_end(session: Session, at: PartitionOffsets) -> int:
    """Below the committed offset, or that offset itself."""
    here = (Gap.topic == at.topic) & (Gap.partition == at.partition)
    passed_over = dict(session.execute(select(Gap.first, Gap.last).where(here)).tuples().all())
    ended = session.scalars(
        select(Delivery.offset)
        .where(
            Delivery.topic == at.topic,
            Delivery.partition == at.partition,
            Delivery.outcome.is_not(None),
            Delivery.offset < at.committed,
        )
        .order_by(Delivery.offset)
        .execution_options(yield_per=_ROWS)
    )
    expected = _behind(0, passed_over)
    for offset in ended:
        if offset > expected:
            break
        expected = _behind(max(expected, offset + 1), passed_over)
    return min(expected, at.committed)


def _behind(offset: int, passed_over: dict[int, int]) -> int:
    """The first offset from here on that no gap covers."""
    while offset in passed_over:
        offset = passed_over[offset] + 1
    return offset
