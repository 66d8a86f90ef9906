"""The metrics of the model server that Doublet looks at, by TensorFlow Serving's own names."""

from infra.metrics import Declared

PATH = "/monitoring/prometheus/metrics"
"""Where TensorFlow Serving shows them; its monitoring configuration has to switch them on."""

REQUEST_COUNT = Declared(
    ":tensorflow:serving:request_count",
    "counter",
    "Requests by model and status; TensorFlow Serving names neither a unit nor `_total`.",
    "requests",
    ("model_name", "status"),
)
REQUEST_LATENCY = Declared(
    ":tensorflow:serving:request_latency",
    "histogram",
    "Time from a request to its answer.",
    "microseconds",
    ("model_name", "API", "entrypoint"),
)
DECLARED = (REQUEST_COUNT, REQUEST_LATENCY)
