"""The embedded Kafka broker, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from infra import logs
from infra.broker.claim import HOST, BrokerCannotStart, require_free_port
from infra.broker.embedded.server import run

logger = logging.getLogger("infra.broker.embedded")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.broker.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the log")
    parser.add_argument("--port", type=int, required=True, help=f"port on {HOST}")
    parser.add_argument("--advertise", type=int, help="port that clients are sent to, if another")
    options = parser.parse_args()
    # From the environment alone, as the stack sets it: reading all settings would load pydantic.
    logs.configure("INFO", "json" if os.environ.get("LOG_FORMAT") == "json" else "text")
    logger.info("embedded Kafka broker: a development part, one node, on loopback only")
    try:
        require_free_port(options.port)
        asyncio.run(run(options.data, options.port, options.advertise or options.port))
    except BrokerCannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
