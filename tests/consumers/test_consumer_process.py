"""The consumer as a process, on real brokers and the real model server, and what it survives."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from sqlalchemy import func, select

from infra.blobs import open_blob_store
from infra.books import Account, read_books
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import Image, Part, PartState, Result
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.offsets import intake_offsets
from infra.eventlog.topics import UPLOADS, ensure_topics
from infra.events.pictures import ClaimCheck, upload_event
from infra.settings import Settings
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import RunningModelServer, running_model_server
from tests.fixtures.ports import free_ports

SOON = 60.0  # seconds; a group that lost a member waits for its session to end


class Stage:
    """A broker, a database, a blob store, and consumers that come and go."""

    def __init__(self, broker: LocalBroker, model_server: str, folder: Path) -> None:
        self.settings = Settings(
            _env_file=None,
            doublet_home=folder,
            kafka_bootstrap_servers=broker.bootstrap,
            model_server=model_server,
            partitions=2,
        )
        self.folder = folder
        self.consumers: list[subprocess.Popen[bytes]] = []
        self.database = Database(self.settings.database)
        upgrade(self.database)
        with open_admin(self.settings) as admin:
            ensure_topics(admin, self.settings)
        self.events = KafkaEventLog(self.settings)
        self.blobs = open_blob_store(self.settings)

    def start_consumer(self, name: str = "consumer") -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DOUBLET_HOME": str(self.folder),
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "MODEL_SERVER": self.settings.model_server,
            "CONSUMER_NAME": name,
            "LOG_LEVEL": "DEBUG",
        }
        with (self.folder / "consumer.log").open("ab") as log:
            consumer = subprocess.Popen(
                [sys.executable, "-m", "consumers"], env=environment, stderr=log
            )
        self.consumers.append(consumer)
        return consumer

    def hand_in(self, *sides: int) -> None:
        """One picture for each side, all different."""
        for side in sides:
            pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
            file = io.BytesIO()
            Pillow.fromarray(pixels).save(file, "PNG")
            claim = ClaimCheck(self.blobs.put(file.getvalue()), len(file.getvalue()), "image/png")
            event = upload_event(f"{side}.png", claim, datetime.now(UTC))
            self.events.send(UPLOADS, event.key, event.data, event.headers())

    def books(self) -> Account:
        offsets = intake_offsets(self.settings)
        with self.database.reading() as session:
            return read_books(session, offsets).total

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SOON
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail((self.folder / "consumer.log").read_text()[-6000:])
            time.sleep(0.1)

    def wait_for_condition(self, state: PartState) -> str:
        self.wait_until(lambda: self.part().state is state)
        return self.part().detail

    def part(self, name: str = "consumer") -> Part:
        """What the consumer says of itself; without a state before it said anything."""
        with self.database.reading() as session:
            return session.get(Part, name) or Part(detail="")

    def attempts(self) -> list[int]:
        with self.database.reading() as session:
            return list(session.scalars(select(Image.attempts).order_by(Image.id)))

    def committed(self) -> int:
        return sum(at.committed for at in intake_offsets(self.settings))

    def count(self, table: type[Image] | type[Result]) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def close(self) -> None:
        for consumer in self.consumers:
            consumer.kill()
            consumer.wait()
        self.events.close()
        self.database.close()


@pytest.fixture
def stage(
    private_broker: LocalBroker, embedded_model_server: RunningModelServer, tmp_path: Path
) -> Iterator[Stage]:
    stage = Stage(private_broker, embedded_model_server.address, tmp_path)
    yield stage
    stage.close()


@contextmanager
def hanging(model_server: RunningModelServer) -> Iterator[None]:
    """The model server takes calls and answers none: a consumer is then in the middle of one."""
    model_server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        model_server.process.send_signal(signal.SIGCONT)


@pytest.mark.slow
def test_pictures_are_doubled_once_whatever_ends_the_consumer(
    stage: Stage, embedded_model_server: RunningModelServer
) -> None:
    consumer = stage.start_consumer()
    stage.hand_in(40, 50)
    stage.wait_until(lambda: stage.committed() == 2)

    with hanging(embedded_model_server):
        # Ended in the middle of the work, without a chance to say so.
        stage.hand_in(60)
        stage.wait_until(lambda: stage.count(Image) == 3)
        consumer.send_signal(signal.SIGKILL)
        consumer.wait()
        assert stage.books() == Account(accepted=3, done=2, in_flight=1)

        # Asked to end in the middle of the work.
        consumer = stage.start_consumer()
        stage.wait_until(lambda: stage.part().pid == consumer.pid)
        consumer.send_signal(signal.SIGTERM)
        assert consumer.wait(SOON) == 0
        assert stage.books() == Account(accepted=3, done=2, in_flight=1)

    stage.start_consumer()
    stage.hand_in(70)
    stage.wait_until(lambda: stage.committed() == 4)
    assert stage.books() == Account(accepted=4, done=4)
    assert stage.count(Result) == 4


def test_a_bad_picture_does_not_stop_the_good_ones(stage: Stage) -> None:
    stage.start_consumer()
    stage.events.send(UPLOADS, b"k", b"not a picture", [])
    stage.hand_in(40, 40)
    stage.wait_until(lambda: stage.committed() == 3)
    assert stage.books() == Account(accepted=3, done=1, duplicate=1, dead=1)


def test_a_consumer_without_a_name_is_listed_by_its_host_until_it_ends(stage: Stage) -> None:
    consumer = stage.start_consumer(name="")
    listed = f"consumer {socket.gethostname()}"
    stage.wait_until(lambda: stage.part(listed).state is PartState.RUNNING)
    consumer.send_signal(signal.SIGTERM)
    assert consumer.wait(30) == 0
    assert stage.part(listed).state is None


@pytest.mark.slow
def test_it_waits_for_a_model_server_that_is_away_and_goes_on_by_itself(
    private_broker: LocalBroker, model_folders: Path, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    stage = Stage(private_broker, f"127.0.0.1:{port}", tmp_path)
    try:
        stage.start_consumer()
        stage.hand_in(40, 50, 60)
        assert "model server" in stage.wait_for_condition(PartState.WAITING)
        assert stage.books() == Account(accepted=3, in_flight=3)
        with running_model_server(
            tmp_path,
            "--model_name=doublet",
            f"--model_base_path={model_folders / 'doublet'}",
            f"--port={port}",
        ):
            stage.wait_until(lambda: stage.committed() == 3)
            assert stage.books() == Account(accepted=3, done=3)
            assert stage.attempts() == [1, 1, 1]
    finally:
        stage.close()


@pytest.mark.slow
def test_it_waits_for_a_broker_that_is_not_there_yet(
    private_broker: LocalBroker, embedded_model_server: RunningModelServer, tmp_path: Path
) -> None:
    stage = Stage(private_broker, embedded_model_server.address, tmp_path)
    try:
        stage.hand_in(40)
        private_broker.stop()
        stage.start_consumer()
        assert "Kafka" in stage.wait_for_condition(PartState.WAITING)
        private_broker.start()
        stage.wait_until(lambda: stage.committed() == 1)
        assert stage.books() == Account(accepted=1, done=1)
    finally:
        stage.close()
