"""Consumers as processes that start at once: forks of one that has imported everything."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess

import consumers.__main__
from serving.model_server import ModelServer
from tests.fixtures.model_servers import FakeModelServer

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["consumers.__main__", __name__])


def fork_consumer(
    environment: dict[str, str], log: str, model: Callable[[], ModelServer] = FakeModelServer
) -> ForkServerProcess:
    """Start a consumer with these settings and a model of its own; its lines go to the log."""
    consumer = _FORKS.Process(target=_consume, args=(environment, log, model))
    consumer.start()
    return consumer


def _consume(environment: dict[str, str], log: str, model: Callable[[], ModelServer]) -> None:
    os.environ.update(environment)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
    consumers.__main__.GrpcModelServer = lambda *_, **__: model()  # type: ignore[assignment, attr-defined]
    consumers.__main__.main()
