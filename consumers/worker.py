"""Brings one taking after the other to its end, however long the parts it needs are away."""

from dataclasses import replace

from consumers.breaker import Breaker
from consumers.halt import Halt
from consumers.lanes import PassedOver
from consumers.pipeline import Journey, Pipeline
from infra import logs, tracing
from infra.database.engine import DatabaseUnavailable
from infra.database.models import Outcome
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.record import Record
from infra.eventlog.topics import GROUP
from infra.events.envelope import traceparent_of
from infra.tracing import trace_id

_ALWAYS_USED = frozenset({DatabaseUnavailable.part, EventLogUnavailable.part})
"""What every record needs, also one that never comes to the model."""


class Worker:
    """Settles what was taken off Kafka; several threads may use it."""

    def __init__(self, pipeline: Pipeline, breaker: Breaker) -> None:
        self._pipeline = pipeline
        self._breaker = breaker

    def settle(self, record: Record, halt: Halt | None = None, *, large_too: bool = True) -> None:
        """Return once the record has its end in the books, and was announced.

        Args:
            halt: stops this record alone.
            large_too: whether a large picture is doubled here; otherwise it is handed on.

        Raises:
            HandedBack: it was stopped; the record has no end yet.
            TooLargeHere: likewise, and it is for the worker for large pictures.
        """
        pipeline = replace(self._pipeline, halt=halt) if halt else self._pipeline
        parent = traceparent_of(record.headers, record.value)
        with (
            tracing.span(f"process {record.topic}", tracing.Kind.CONSUMER, _facts(record), parent),
            logs.about(record=str(record), trace_id=trace_id(parent)),
        ):
            journey = Journey(pipeline, record, parent, large_too=large_too)
            outcome = self._breaker.insist(journey.run)
            tracing.note({"doublet.outcome": str(outcome)})
        self._breaker.answered(None if outcome is Outcome.DONE else _ALWAYS_USED)

    def note(self, passed: PassedOver) -> None:
        """Return once the books know of offsets without a record.

        Raises:
            HandedBack: the consumer stops; nothing is noted.
        """
        self._breaker.insist(lambda: self._pipeline.books.note_gap(passed))
        self._breaker.answered({DatabaseUnavailable.part})


def _facts(record: Record) -> tracing.Facts:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": GROUP,
    }
