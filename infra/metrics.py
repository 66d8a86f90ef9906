"""Metrics: each declared once, with its meaning and unit, and shown on its part's own page."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

# It would be a second series for each of ours, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

PATH = "/metrics"
CONTENT_TYPE = CONTENT_TYPE_LATEST
INFO = "doublet_info"
"""On every page, beside `process_…`, which prometheus-client adds."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 180, 600)
"""Buckets from a thumbnail's decoding to a picture of 100 megapixels on a laptop."""


@dataclass(frozen=True)
class Declared:
    """A metric as docs/metrics.md has it."""

    name: str
    """As Prometheus knows it; a histogram is asked for with ``_bucket``, ``_sum``, ``_count``."""
    kind: str
    meaning: str
    unit: str
    labels: tuple[str, ...] = ()


class Metrics:
    """The metrics of one part. A label takes few values: never a name, an id or a hash."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.declared: list[Declared] = []
        self._registry = CollectorRegistry()
        self._refresh: Callable[[], None] = lambda: None
        self._one_at_a_time = threading.RLock()
        ProcessCollector(registry=self._registry)
        labels = ("part", "version")
        info = Gauge(INFO, "Always 1.", labels, registry=self._registry)
        info.labels(part, version("doublet")).set(1)

    def counter(self, name: str, meaning: str, unit: str, labels: tuple[str, ...] = ()) -> Counter:
        """One that only grows; its name ends in ``_total``."""
        self.declared.append(Declared(name, "counter", meaning, unit, labels))
        return Counter(name, meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, unit: str, labels: tuple[str, ...] = ()) -> Gauge:
        """One that comes and goes."""
        self.declared.append(Declared(name, "gauge", meaning, unit, labels))
        return Gauge(name, meaning, labels, registry=self._registry)

    def histogram(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Histogram:
        """How seconds are spread."""
        self.declared.append(Declared(name, "histogram", meaning, "seconds", labels))
        return Histogram(name, meaning, labels, buckets=SECONDS, registry=self._registry)

    def put(self, gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
        """Have a gauge show these values alone, by their labels; no scrape sees half of them."""
        with self._one_at_a_time:
            gauge.clear()
            for labels, value in values.items():
                gauge.labels(*labels).set(value)

    @contextmanager
    def refreshed_by(self, refresh: Callable[[], None]) -> Iterator[None]:
        """Have gauges set before each scrape meanwhile, from what is in memory."""
        self._refresh = refresh
        try:
            yield
        finally:
            self._refresh = lambda: None

    def page(self) -> bytes:
        """All of them, as Prometheus scrapes them."""
        with self._one_at_a_time:
            self._refresh()
            return generate_latest(self._registry)
