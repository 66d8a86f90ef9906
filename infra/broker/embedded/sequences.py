"""Which batches of which idempotent producers a partition already holds.

The rules are Kafka's (KIP-98 and ProducerStateManager): a batch follows its producer's last one
without a gap, one of the last five may be sent again and is then not stored twice, and a producer
that the log no longer remembers may start anywhere.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from kafka.errors import InvalidProducerEpochError, OutOfOrderSequenceNumberError

from infra.broker.embedded.batch import NO_PRODUCER, Batch

REMEMBERED = 5  # batches: a producer may have at most five requests in flight


@dataclass(slots=True)
class _Producer:
    epoch: int
    recent: deque[Batch] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Sequences:
    """The idempotent producers of one partition."""

    def __init__(self) -> None:
        self._producers: dict[int, _Producer] = {}

    def find_duplicate(self, batch: Batch) -> Batch | None:
        """The stored batch that `batch` repeats, or None where it is the producer's next one.

        Raises:
            InvalidProducerEpochError: a newer instance of this producer has written here.
            OutOfOrderSequenceNumberError: a batch before this one is missing.
        """
        producer = self._producers.get(batch.producer_id)
        if batch.producer_id == NO_PRODUCER or producer is None:
            return None
        if batch.producer_epoch < producer.epoch:
            raise InvalidProducerEpochError("a newer instance of this producer has taken over")
        if batch.producer_epoch > producer.epoch:
            expected = 0
        else:
            for stored in producer.recent:
                if (stored.base_sequence, stored.last_sequence) == (
                    batch.base_sequence,
                    batch.last_sequence,
                ):
                    return stored
            expected = (producer.recent[-1].last_sequence + 1) & 0x7FFFFFFF
        if batch.base_sequence != expected:
            raise OutOfOrderSequenceNumberError(
                f"sequence {batch.base_sequence} came where {expected} was expected"
            )
        return None

    def remember(self, stored: Batch) -> None:
        """Take note of a batch that is now in the log."""
        if stored.producer_id == NO_PRODUCER:
            return
        producer = self._producers.get(stored.producer_id)
        if producer is None or producer.epoch != stored.producer_epoch:
            producer = self._producers[stored.producer_id] = _Producer(stored.producer_epoch)
        producer.recent.append(stored)
