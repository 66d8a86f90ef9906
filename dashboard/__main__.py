"""``python -m dashboard``: the dashboard as a part of the stack."""

from dashboard.server import serve
from infra.logs import configure
from infra.settings import settings

if __name__ == "__main__":
    configure(settings().log_level)
    serve()
