"""What the dashboard's server counts: the requests at the HTTP door."""

from infra.metrics import Metrics

DASHBOARD = Metrics("dashboard")

HTTP_REQUESTS = DASHBOARD.counter(
    "doublet_http_requests_total",
    "Requests at the HTTP door, by method, the address's pattern and status.",
    "requests",
    ("method", "path", "status"),
)
HTTP_SECONDS = DASHBOARD.histogram(
    "doublet_http_request_seconds",
    "Time from a request at the HTTP door to the end of its answer.",
    ("method", "path"),
)
