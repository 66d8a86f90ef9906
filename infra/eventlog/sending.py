"""Sending an event, with its place in a trace."""

from dataclasses import replace

from infra import tracing
from infra.eventlog.clients import EventLog
from infra.events.envelope import Envelope


def send_event(
    events: EventLog, topic: str, event: Envelope, key: bytes | None = None
) -> tuple[int, int]:
    """Send an event; answers its (partition, offset), and raises, as `EventLog.send` does.

    Args:
        key: other than the event's own.
    """
    facts = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.message.id": event.id,
    }
    with tracing.span(f"send {topic}", tracing.Kind.PRODUCER, facts):
        event = replace(event, traceparent=tracing.traceparent() or event.traceparent)
        place = events.send(topic, key or event.key, event.data, event.headers())
        tracing.note(
            {
                "messaging.destination.partition.id": str(place[0]),
                "messaging.kafka.offset": place[1],
            }
        )
    return place
