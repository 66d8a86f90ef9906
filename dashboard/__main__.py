"""``python -m dashboard``: the dashboard as a part of the stack."""

import sys

from dashboard.server import serve
from infra import logs, tracing
from infra.errors import DoubletError
from infra.settings import settings

if __name__ == "__main__":
    try:
        current = settings()
        logs.configure(current.log_level, current.log_format)
        tracing.start(current, "dashboard")
        serve()
    except DoubletError as error:
        sys.exit(f"doublet dashboard: {error}")
