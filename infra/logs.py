"""One line a fact, on standard error."""

import logging


def configure(level: str) -> None:
    """Log at ``level`` for our own rooms, warnings only for the libraries."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    for room in ("consumers", "dashboard", "infra", "producers", "serving"):
        logging.getLogger(room).setLevel(level)
