"""``python -m dashboard``: the dashboard as a part of the stack."""

from dashboard.server import serve
from infra import logs, tracing
from infra.settings import settings

if __name__ == "__main__":
    current = settings()
    logs.configure(current.log_level, current.log_format)
    tracing.start(current, "dashboard")
    serve()
