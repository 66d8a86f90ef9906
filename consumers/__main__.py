"""The consumer's process: ``python -m consumers``."""

import logging
import signal
import socket
import sys
from types import FrameType

from kafka import KafkaConsumer

from consumers.bookkeeping import Bookkeeper
from consumers.halt import Halt, HandedBack
from consumers.loop import Loop
from consumers.pipeline import Pipeline, Policies
from consumers.status import Status
from consumers.worker import WaitPolicy, Worker
from infra import logs
from infra.blobs import BlobStore, open_blob_store
from infra.database.engine import Database
from infra.errors import DoubletError, Unavailable
from infra.eventlog.clients import KafkaEventLog, open_consumer
from infra.eventlog.topics import INTAKE
from infra.parts import Heartbeat
from infra.settings import Settings, settings
from serving.client import GrpcModelServer

log = logging.getLogger("consumers")


def run(settings: Settings, halt: Halt) -> None:
    """Consume until stopping is asked for; no other part need be there yet."""
    status = Status()
    database = Database(settings.database)
    heartbeat = Heartbeat(database, settings.consumer_name or "consumer")
    model = GrpcModelServer(
        settings.model_server_address,
        settings.model_name,
        deadline_s=settings.model_deadline_seconds,
    )
    with heartbeat.beating(lambda: status.condition):
        blobs, events, consumer = _connect(settings, halt, status)
        pipeline = Pipeline(events, blobs, model, Bookkeeper(database), Policies.of(settings), halt)
        try:
            Loop(consumer, Worker(pipeline, status), halt, status).run()
        finally:
            model.close()  # breaks off a call that outlasts the grace
            consumer.close(timeout_ms=2000)
            events.close()
    database.close()


def _connect(
    settings: Settings, halt: Halt, status: Status
) -> tuple[BlobStore, KafkaEventLog, KafkaConsumer]:
    """Reach the blob store and Kafka, however long that takes."""
    refusals = 0
    while True:
        try:
            blobs = open_blob_store(settings.blobs)
            events = KafkaEventLog(settings)
            consumer = open_consumer(settings, *INTAKE, member=settings.consumer_name or None)
        except Unavailable as error:
            refusals += 1
            status.waiting(error)
            halt.rest(WaitPolicy().wait_s(refusals))
        else:
            return blobs, events, consumer


def main() -> None:
    """Run until SIGTERM or SIGINT, then exit with 0."""
    halt = Halt()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        halt.request()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        current = settings()
        logs.configure(current.log_level)
        log.info("starting on %s", socket.gethostname())
        run(current, halt)
    except HandedBack:
        return
    except DoubletError as error:
        sys.exit(f"doublet consumer: {error}")


if __name__ == "__main__":
    main()
