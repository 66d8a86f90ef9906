"""The consumer's process: ``python -m consumers``."""

import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from consumers import crash_points
from consumers.alarms import AlarmPolicy, Alarms
from consumers.bookkeeping import Bookkeeper
from consumers.breaker import Breaker
from consumers.crew import Crew
from consumers.departures import Departures
from consumers.gauges import Gauges
from consumers.halt import Halt, HandedBack
from consumers.loop import BackPressure, Loop, Parts
from consumers.memory import Memory
from consumers.metrics import CONSUMER, MEMORY
from consumers.pipeline import Pipeline, Policies
from consumers.stalls import Stalls
from consumers.status import Status
from consumers.worker import Worker
from infra import logs, tracing
from infra.alerts import Alerts
from infra.blobs import BlobStore, open_blob_store
from infra.database.engine import Database
from infra.disks import spaces
from infra.errors import DoubletError
from infra.eventlog.clients import KafkaEventLog, open_consumer
from infra.eventlog.topics import INTAKE
from infra.health import Health, answering
from infra.model_choice import chosen_version
from infra.parts import PASSING, Heartbeat
from infra.settings import Settings, settings
from infra.tls import to_model_server
from serving.client import GrpcModelServer
from serving.contract import MODELS

log = logging.getLogger("consumers")


def run(settings: Settings, halt: Halt) -> None:
    """Consume until stopping is asked for; no other part need be there yet."""
    crash_points.arm(settings.crash_at)
    breaker = Breaker(halt)
    status = Status(breaker)
    database = Database(settings.database)
    name = settings.consumer_name or f"{PASSING}{socket.gethostname()}"
    heartbeat = Heartbeat(database, name)
    # A quarter of the memory is for records as they come: see BackPressure.
    memory = Memory(settings.memory_limit_bytes * 3 // 4, halt)
    MEMORY.labels("limit").set(settings.memory_limit_bytes)
    disks = partial(spaces, settings)
    gauges = Gauges(breaker, memory, disks)
    alarms = Alarms(name, breaker, disks, AlarmPolicy.of(settings), Alerts(database))
    health = Health(status.lives, status.is_ready, CONSUMER)
    with (
        _listed(heartbeat, settings),
        heartbeat.beating(lambda: status.condition),
        alarms.looking(),
        CONSUMER.refreshed_by(gauges.refresh),
        answering("CONSUMER_HEALTH", settings.consumer_health, health),
    ):
        _consume(settings, database, halt, breaker, status, memory)
    database.close()


@contextmanager
def _listed(heartbeat: Heartbeat, settings: Settings) -> Iterator[None]:
    """One without a name of its own that ends in order is not missed: another one has its work."""
    in_order = False
    try:
        yield
        in_order = True
    except HandedBack:
        in_order = True
        raise
    finally:
        if in_order and not settings.consumer_name:
            heartbeat.forget()


def _consume(
    settings: Settings,
    database: Database,
    halt: Halt,
    breaker: Breaker,
    status: Status,
    memory: Memory,
) -> None:
    def reach() -> tuple[BlobStore, KafkaEventLog]:
        return open_blob_store(settings), KafkaEventLog(settings)

    blobs, events = breaker.insist(reach)
    breaker.answered()
    models = {
        name: GrpcModelServer(
            settings.model_server_address,
            name,
            chosen=partial(chosen_version, database, name),
            deadline_s=settings.model_deadline_seconds,
            tls=to_model_server(settings),
        )
        for name in (settings.model_name, *MODELS)
    }
    pipeline = Pipeline(
        events,
        blobs,
        models[settings.model_name],
        Bookkeeper(database),
        Policies.of(settings),
        halt,
        memory,
        others=models,
    )
    parts = Parts(
        connect=lambda departures: _join(settings, departures),
        crew=Crew(Worker(pipeline, breaker), settings.pictures_at_once, halt),
        breaker=breaker,
        stalls=Stalls(Alerts(database), halt),
        halt=halt,
        status=status,
    )
    try:
        Loop(parts, BackPressure.of(settings)).run()
    finally:
        for model in models.values():
            model.close()  # breaks off a call that outlasts the grace
        events.close()


def _join(settings: Settings, departures: Departures):  # type: ignore[no-untyped-def]
    return open_consumer(
        settings, *INTAKE, member=settings.consumer_name or None, listener=departures
    )


def main() -> None:
    """Run until SIGTERM or SIGINT, then exit with 0."""
    halt = Halt()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        halt.request()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        current = settings()
        logs.configure(current.log_level, current.log_format)
        tracing.start(current, "consumer")
        log.info("starting on %s", socket.gethostname())
        run(current, halt)
    except HandedBack:
        return
    except DoubletError as error:
        sys.exit(f"doublet consumer: {error}")


if __name__ == "__main__":
    main()
