"""Counts and durations of requests, in Prometheus' text format and under the official names."""

import bisect
import threading
from collections import Counter
from itertools import accumulate

from serving.embedded.refusal import Refusal
from serving.metrics import REQUEST_COUNT, REQUEST_LATENCY

COUNT = REQUEST_COUNT.name
LATENCY = REQUEST_LATENCY.name

BOUNDS_US = [10 * 1.8**exponent for exponent in range(33)]
"""The official histogram's buckets: 10 microseconds to about 20 minutes."""


class Metrics:
    """Thread-safe; one for the process."""

    def __init__(self) -> None:
        """Nothing has been asked yet."""
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._latencies: dict[tuple[str, str, str], list[int]] = {}
        self._sums: Counter[tuple[str, str, str]] = Counter()

    def record(
        self, model: str, api: str, entrypoint: str, seconds: float, refusal: Refusal | None
    ) -> None:
        """Count one request.

        Args:
            model: the name asked for.
            api: ``Predict``, ``Classify``, …
            entrypoint: ``GRPC`` or ``REST``.
            seconds: from its start to its answer.
            refusal: the answer, if it was one.
        """
        microseconds = round(seconds * 1e6)
        key = (model, api, entrypoint)
        with self._lock:
            self._counts[model, refusal.code.name if refusal else "OK"] += 1
            buckets = self._latencies.setdefault(key, [0] * (len(BOUNDS_US) + 1))
            buckets[bisect.bisect_right(BOUNDS_US, microseconds)] += 1
            self._sums[key] += microseconds

    def page(self) -> str:
        """Everything recorded so far, as Prometheus scrapes it."""
        with self._lock:
            lines = [f"# TYPE {COUNT} counter"]
            for (model, status), count in sorted(self._counts.items()):
                lines.append(f"{COUNT}{{{_labels(model_name=model, status=status)}}} {count}")
            lines.append(f"# TYPE {LATENCY} histogram")
            for key, buckets in sorted(self._latencies.items()):
                labels = _labels(model_name=key[0], API=key[1], entrypoint=key[2])
                bounds = [*(f"{bound:g}" for bound in BOUNDS_US), "+Inf"]
                for bound, count in zip(bounds, accumulate(buckets), strict=True):
                    lines.append(f'{LATENCY}_bucket{{{labels},le="{bound}"}} {count}')
                lines.append(f"{LATENCY}_sum{{{labels}}} {self._sums[key]}")
                lines.append(f"{LATENCY}_count{{{labels}}} {sum(buckets)}")
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
