"""Partitions that went away, noted by Kafka's client and told to the loop."""

from collections import deque
from collections.abc import Iterable

from kafka import ConsumerRebalanceListener, TopicPartition

from consumers.in_flight import Place


class Departures(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Runs on the client's own thread, heartbeats included: it notes, and does nothing else."""

    def __init__(self) -> None:
        self._gone = deque[Place]()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Given to another consumer, in order."""
        self._gone.extend((partition.topic, partition.partition) for partition in revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Taken from us, because we were not heard of: another one may be at them already."""
        self._gone.extend((partition.topic, partition.partition) for partition in lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """The loop sees them by itself."""

    def drain(self) -> set[Place]:
        """Those that went since it was asked last."""
        gone = set[Place]()
        while self._gone:
            gone.add(self._gone.popleft())
        return gone
