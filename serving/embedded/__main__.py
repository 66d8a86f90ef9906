"""``python -m serving.embedded``: see `serving.embedded.flags`."""

import logging
import os
import sys
from collections.abc import Sequence

from infra import logs
from infra.errors import DoubletError
from infra.settings import settings
from serving.embedded.flags import parse
from serving.embedded.hush import hushed
from serving.embedded.ports import take

log = logging.getLogger("serving.embedded")


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop.

    Returns:
        the exit code: 0 after a signal, 1 when it could not start.
    """
    logs.configure("INFO", settings().log_format)
    try:
        flags, ignored = parse(arguments)
        for name in ignored:
            log.info("--%s has no effect in this server", name)
        if flags.enable_batching:
            log.info("--enable_batching: this server runs every request by itself")
        ports = take(flags)
        log.info("Importing TensorFlow, this takes some seconds")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with hushed():
            from serving.embedded.server import serve
        serve(flags, ports)
    except DoubletError as error:
        log.error("%s", error)  # noqa: TRY400
        return 1
    except KeyboardInterrupt:  # before the server minds its signals itself
        log.info("Stopping")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    # TensorFlow's threads cannot be interrupted, and nobody is left to read their answers.
    os._exit(code)
