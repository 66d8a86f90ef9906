"""Apache Kafka as one node on loopback, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

from infra import logs
from infra.broker.apache import jars, node
from infra.broker.claim import HOST, BrokerCannotStart, claim_folder, require_free_port
from infra.settings import settings

logger = logging.getLogger("infra.broker.apache")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.broker.apache", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the log")
    parser.add_argument("--port", type=int, required=True, help=f"port on {HOST}")
    parser.add_argument("--advertise", type=int, help="port that clients are sent to, if another")
    parser.add_argument("--jars", type=Path, help="folder for Kafka's jars; default: in --data")
    options = parser.parse_args()
    logs.configure("INFO", settings().log_format)
    try:
        jars_folder = options.jars or options.data / "jars"
        start(options.data, options.port, options.advertise or options.port, jars_folder)
    except BrokerCannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


def start(data: Path, port: int, advertised: int, cache: Path) -> NoReturn:
    """Get all that Kafka needs, and become it.

    Raises:
        BrokerCannotStart: something is missing or taken.
    """
    node.require_java()
    lock = claim_folder(data)
    os.set_inheritable(lock, True)  # Kafka inherits the lock with the process
    require_free_port(port)
    folder = jars.fetch(cache)
    properties = node.configure(data, port, advertised)
    node.prepare(data, folder, properties)
    logger.info("Apache Kafka starts on %s:%d, data in %s", HOST, port, data)
    node.become(folder, properties)


if __name__ == "__main__":
    sys.exit(main())
