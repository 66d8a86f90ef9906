"""``python -m dashboard``: the dashboard as a part of the stack."""

import sys

from dashboard.server import serve
from infra.errors import DoubletError
from infra.logs import configure
from infra.settings import settings

if __name__ == "__main__":
    try:
        configure(settings().log_level)
        serve()
    except DoubletError as error:
        sys.exit(f"doublet dashboard: {error}")
