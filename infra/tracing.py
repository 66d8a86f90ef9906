"""Traces: a picture's way from whoever hands it in to its stored result, as OpenTelemetry spans.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then nothing of OpenTelemetry is imported, and a
span is no more than a function call. The SDK's own variables (OTEL_TRACES_SAMPLER,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES) say the rest.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

from infra.errors import DoubletError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from infra.settings import Settings

TRACEPARENT = "traceparent"
"""W3C Trace Context's name, of Kafka's, gRPC's and HTTP's headers alike."""

_EXPORT_S = 3
"""How long a collector may take: less than a part has to stop in."""
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

Facts = Mapping[str, str | int | float | bool]


class Kind(StrEnum):
    """On which side of which call a span is, by OpenTelemetry's names."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


_provider: "TracerProvider | None" = None


def start(settings: "Settings", part: str) -> None:
    """Send the spans of this process to the configured collector, if there is one."""
    global _provider
    if not settings.otel_exporter_otlp_endpoint or _provider:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # One line for each batch that a collector which is away does not get is enough.
    logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.ERROR)
    named = {"service.name": f"doublet-{part}", "service.version": version("doublet")}
    _provider = TracerProvider(resource=Resource.create(named))
    endpoint = f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S)
    _provider.add_span_processor(BatchSpanProcessor(exporter))


def stop() -> None:
    """Send what is left. A process that ends as usual does so by itself."""
    global _provider
    if _provider:
        _provider.shutdown()
        _provider = None


@contextmanager
def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    facts: Facts | None = None,
    parent: str | None = None,
) -> Iterator[None]:
    """What happens inside, as a child of the span around it.

    Args:
        parent: a `traceparent` from another process, instead of the span around it.
    """
    if _provider is None:
        yield
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}) if parent else None
    tracer = _provider.get_tracer("doublet")
    with tracer.start_as_current_span(
        name,
        context,
        SpanKind[kind],
        dict(facts or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except BaseException as error:
            # What is no error of ours breaks the work off: it is done again, or handed on.
            current.set_attribute("error.type", type(error).__name__)
            if isinstance(error, DoubletError):
                current.set_status(Status(StatusCode.ERROR, str(error)))
            raise


def note(facts: Facts) -> None:
    """Say more of the span at hand."""
    if _provider is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(dict(facts))


def traceparent() -> str | None:
    """The span at hand, for another process to be its child; None while traces are off."""
    if _provider is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT)


def trace_id(traceparent: str | None) -> str | None:
    """The trace that a `traceparent` is of; None where it is not one."""
    match = _FORM.fullmatch(traceparent or "")
    return match[1] if match else None
