"""`python -m infra.broker.embedded --data DIR --port N`"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from infra.broker.embedded.broker import HOST, DataInUseError
from infra.broker.embedded.server import run

logger = logging.getLogger("infra.broker.embedded")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.broker.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the log")
    parser.add_argument("--port", type=int, required=True, help=f"port on {HOST}")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s broker: %(message)s")
    logger.info("embedded Kafka broker: a development part, one node, on loopback only")
    try:
        asyncio.run(run(options.data, options.port))
    except DataInUseError as error:
        logger.error("%s: stop it, or choose another --data", error)  # noqa: TRY400
        return 1
    except OSError as error:
        logger.error("cannot start on %s:%d: %s", HOST, options.port, error.strerror)  # noqa: TRY400
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
