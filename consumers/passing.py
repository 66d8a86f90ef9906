"""Which offsets Kafka left out, and why."""

from collections.abc import Iterator

from consumers.in_flight import Place
from consumers.lanes import PassedOver
from infra.database.models import GapCause


def passed_over(place: Place, expected: int, reached: int, beginning: int) -> Iterator[PassedOver]:
    """The offsets from the one expected to the one reached, by cause.

    What lies before the partition's beginning was deleted. Behind it, an offset holds no record:
    a transaction's marker, or one that compaction took away.
    """
    topic, partition = place
    kept = min(max(expected, beginning), reached)
    if expected < kept:
        yield PassedOver(topic, partition, expected, kept - 1, GapCause.DELETED)
    if kept < reached:
        yield PassedOver(topic, partition, kept, reached - 1, GapCause.EMPTY)
