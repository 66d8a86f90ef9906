"""Live questions to the parts that a page cannot wait for: bounded, and what they do not answer is
no exception.
"""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from infra.errors import Unavailable
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.offsets import PartitionOffsets, intake_offsets
from infra.settings import Settings
from infra.tls import to_model_server
from serving.client import GrpcModelServer, VersionStatus
from serving.contract import MODELS
from serving.errors import ModelServerError

KAFKA_SECONDS = 1.5
"""Kafka answers from a neighbour in about 0.2 s; a page is not kept longer than this."""
CONNECT_SECONDS = 0.3
"""Even another continent's handshake takes no longer."""
MODEL_SERVER_SECONDS = 1.5
"""The model server answers in milliseconds, unless its work takes every core there is."""

AVAILABLE = "AVAILABLE"
"""The state of a version that answers."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class KafkaAnswer:
    """What Kafka says of the intake topics, or why it says nothing."""

    offsets: tuple[PartitionOffsets, ...]
    trouble: str | None = None


@dataclass(frozen=True)
class ModelServerAnswer:
    """What the model server says of its versions, or why it says nothing."""

    versions: tuple[VersionStatus, ...]
    trouble: str | None = None
    device: str | None = None
    """What it computes on, where it says so."""


@dataclass(frozen=True)
class ModelsAnswer:
    """Names and versions of the models that are served, or why there are none."""

    served: tuple[tuple[str, int], ...]
    trouble: str | None = None


def ask_kafka(settings: Settings) -> KafkaAnswer:
    """How far the topics reach, and how far the group has come."""
    where = ",".join(settings.bootstrap_servers)
    if not any(_listening(server) for server in settings.bootstrap_servers):
        return KafkaAnswer((), f"nothing listens at {where}")
    try:
        offsets = _within(KAFKA_SECONDS, lambda: intake_offsets(settings))
    except TimeoutError:
        return KafkaAnswer((), f"Kafka at {where} did not answer within {KAFKA_SECONDS:g} s")
    except EventLogUnavailable as error:
        return KafkaAnswer((), str(error))
    return KafkaAnswer(tuple(offsets))


def ask_model_server(settings: Settings) -> ModelServerAnswer:
    """Which versions it has, and in which state."""
    if not _listening(settings.model_server_address):
        return ModelServerAnswer((), f"nothing listens at {settings.model_server_address}")
    server = _model_server(settings, settings.model_name)
    try:
        return ModelServerAnswer(server.status(), device=server.device())
    except (ModelServerError, Unavailable) as error:
        return ModelServerAnswer((), str(error))
    finally:
        server.close()


def ask_models(settings: Settings, chosen: Callable[[str], int | None]) -> ModelsAnswer:
    """Which models an event may ask for, each in the version that a consumer would take now.

    Args:
        chosen: names the version of a model that a person chose; None: the newest doubles.

    Raises:
        DatabaseUnavailable: nobody can tell what was chosen.
    """
    address = settings.model_server_address
    if not _listening(address):
        return ModelsAnswer((), f"nothing listens at {address}")
    served = []
    for name in dict.fromkeys((settings.model_name, *MODELS)):
        server = _model_server(settings, name)
        try:
            available = [it.version for it in server.status() if it.state == AVAILABLE]
        except (ModelServerError, Unavailable):
            continue  # it does not have this one
        finally:
            server.close()
        if available:
            version = chosen(name)
            served.append((name, max(available) if version is None else version))
    return ModelsAnswer(tuple(served), None if served else f"{address} serves no model of ours")


def _model_server(settings: Settings, name: str) -> GrpcModelServer:
    return GrpcModelServer(
        settings.model_server_address,
        name,
        deadline_s=MODEL_SERVER_SECONDS,
        tls=to_model_server(settings),
    )


def _listening(server: str) -> bool:
    """Whether somebody accepts a connection; the clients would go on trying for seconds."""
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def _within(seconds: float, question: Callable[[], Answer]) -> Answer:
    """The answer, if it comes in time; otherwise its thread ends by its own timeouts.

    Raises:
        TimeoutError: no answer in time.
    """
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001  (it is raised where the answer is read)
            answer.set_exception(error)

    # A daemon thread: the process can end while Kafka keeps silent.
    threading.Thread(target=ask, name="probe", daemon=True).start()
    return answer.result(seconds)
