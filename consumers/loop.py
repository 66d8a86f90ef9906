"""The consumer's loop: polls without a pause, works beside it, commits after the database.

This thread talks to Kafka and does nothing else, so that no picture, however large, and no
outage, however long, costs the consumer its partitions: while a record is at hand, all partitions
are paused and still polled.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    KafkaError,
)
from kafka.structs import OffsetAndMetadata

from consumers.halt import Halt, HandedBack
from consumers.record import Record
from consumers.status import Status
from consumers.worker import Worker
from infra.errors import DoubletError

log = logging.getLogger(__name__)

POLL_MS = 500
"""How long one poll waits for records. kafka-python throws away a join of the group that completes
between two polls: shorter ones made members join again and again. With all partitions paused it
returns after 100 ms, which is the most that a settled record waits for its commit."""

GRACE_S = 7.0
"""How long the record at hand may take to break off when the consumer stops: the longest call to
the model on a laptop, with room left in the 10 s that the whole stack has."""


class NameTaken(DoubletError):
    """Two consumers claim to be the same one; the later has taken the partitions over."""


class Loop:
    """Takes records off Kafka, hands them to the worker, and commits what is settled."""

    def __init__(self, consumer: KafkaConsumer, worker: Worker, halt: Halt, status: Status) -> None:
        self._consumer = consumer
        self._worker = worker
        self._halt = halt
        self._status = status
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._at_hand: tuple[Record, Future[None]] | None = None
        self._settled: dict[TopicPartition, int] = {}
        """Offsets to commit: those of the next records."""

    def run(self) -> None:
        """Until stopping is asked for; a fault of the worker's ends it as well, with the fault."""
        self._status.running()
        try:
            while not self._halt.requested:
                self._turn()
            self._finish()
        finally:
            self._halt.request()
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _turn(self) -> None:
        self._collect()
        self._commit()
        if self._at_hand:
            # Every time: partitions may have come to us since the last poll.
            self._consumer.pause(*self._consumer.assignment())
        else:
            self._consumer.resume(*self._consumer.paused())
        for records in self._consumer.poll(timeout_ms=POLL_MS, max_records=1).values():
            for record in records:
                self._take(Record.from_kafka(record))

    def _take(self, record: Record) -> None:
        if self._at_hand:
            # It came with a partition that was assigned during this poll: leave it where it was.
            self._consumer.seek(TopicPartition(record.topic, record.partition), record.offset)
        else:
            self._at_hand = (record, self._executor.submit(self._worker.settle, record))

    def _collect(self) -> None:
        if self._at_hand and self._at_hand[1].done():
            record, future = self._at_hand
            self._at_hand = None
            future.result()
            self._settled[TopicPartition(record.topic, record.partition)] = record.offset + 1

    def _commit(self) -> None:
        """Commit what is settled; what Kafka does not take now is tried again next turn."""
        ours = self._consumer.assignment()
        # Of a partition that went to another consumer that one commits: it finds the record
        # settled in the database.
        self._settled = {at: offset for at, offset in self._settled.items() if at in ours}
        if not self._settled:
            return
        offsets = {at: OffsetAndMetadata(offset, "", -1) for at, offset in self._settled.items()}
        try:
            self._consumer.commit(offsets, timeout_ms=1000)
        except FencedInstanceIdError as error:
            raise NameTaken("another consumer runs under this CONSUMER_NAME") from error
        except CommitFailedError:
            log.info("the group rebalanced; what it gave away is committed by its new owner")
        except KafkaError as error:
            log.debug("commit is tried again: %s", error)
            return
        self._settled.clear()

    def _finish(self) -> None:
        """Let the record at hand end or break off, and commit it if it ended."""
        if self._at_hand:
            wait_for([self._at_hand[1]], timeout=GRACE_S)
        try:
            self._collect()
        except HandedBack:
            log.info("the picture at hand was given back")
        self._commit()
