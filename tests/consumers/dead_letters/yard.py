"""Everything around a dead letter: the topics, the books, and a consumer that is told when."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from sqlalchemy import select
from typer.testing import CliRunner, Result

from consumers.bookkeeping import Bookkeeper
from consumers.breaker import Breaker
from consumers.commands import commands
from consumers.halt import Halt
from consumers.memory import Memory
from consumers.pipeline import Pipeline, Policies
from consumers.worker import Worker
from infra.blobs import open_blob_store
from infra.books import Account, read_books
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import DeadLetter, LetterState
from infra.dead_letters.letter import REPLAY_OF
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.reading import LogReader
from infra.eventlog.record import Record
from infra.eventlog.topics import INTAKE, UPLOADS, ensure_topics
from infra.settings import MEBIBYTE, Settings
from serving.errors import ModelRefused
from serving.model_server import Doubled
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import FakeModelServer


class Choosy(FakeModelServer):
    """Refuses the next pictures, and no plain tile: it is sound."""

    refusals = 0

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        if self.refusals and tiles.min() < tiles.max():
            self.refusals -= 1
            raise ModelRefused("this test wants it so")
        return super().double(tiles, version=version, spread=spread)


class Yard:
    """Records go in by `hand_in`, and are brought to their end by `consume`."""

    def __init__(self, broker: LocalBroker, settings: Settings) -> None:
        self.broker = broker
        self.settings = settings
        self.database = Database(settings.database)
        upgrade(self.database)
        with open_admin(settings) as admin:
            ensure_topics(admin, settings)
        self.events = KafkaEventLog(settings)
        self.blobs = open_blob_store(settings)
        self.model = Choosy()
        self.consumed: dict[str, dict[int, int]] = {topic: {} for topic in INTAKE}

    @staticmethod
    def environment(broker: LocalBroker, folder: Path, database_url: str = "") -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "DATABASE_URL": database_url or f"sqlite:///{folder}/doublet.sqlite",
            "BLOB_STORE": (folder / "blobs").as_uri(),
            "PARTITIONS": "2",
            "MAX_REPLAYS": "2",
            "MESSAGE_LIMIT_BYTES": str(MEBIBYTE),
        }

    def hand_in(self, *seeds: int, headers: list[tuple[str, bytes]] | None = None) -> None:
        """One small picture for each seed, by its own bytes."""
        for seed in seeds:
            self.events.send(UPLOADS, f"key {seed}".encode(), picture(seed), headers or [])

    def refuse(self, times: int) -> None:
        """The model calls the next pictures wrong: they die."""
        self.model.refusals += times

    def consume(self) -> None:
        """Bring every new record to its end, as a consumer does."""
        policies = replace(Policies.of(self.settings))
        books = Bookkeeper(self.database)
        halt = Halt()
        memory = Memory(self.settings.memory_limit_bytes, halt)
        pipeline = Pipeline(self.events, self.blobs, self.model, books, policies, halt, memory)
        worker = Worker(pipeline, Breaker(halt))
        with LogReader(self.settings) as reader:
            for topic in INTAKE:
                for record in reader.since(topic, self.consumed[topic]):
                    worker.settle(Record.from_kafka(record))
                    self.consumed[topic][record.partition] = record.offset + 1

    def run(self, *arguments: object) -> Result:
        """A command of `doublet dead-letters`."""
        return CliRunner().invoke(commands, ["dead-letters", *map(str, arguments)])

    def uploads(self) -> list[Record]:
        with LogReader(self.settings) as reader:
            return [Record.from_kafka(record) for record in reader.since(UPLOADS, {})]

    def replayed(self) -> list[str]:
        """Where each record that was sent again had died."""
        return [dict(it.headers)[REPLAY_OF].decode() for it in self.uploads() if is_replay(it)]

    def letters(self) -> list[DeadLetter]:
        with self.database.reading() as session:
            return list(session.scalars(select(DeadLetter).order_by(DeadLetter.id)))

    def states(self) -> list[LetterState]:
        return [letter.state for letter in self.letters()]

    def addresses(self) -> list[str]:
        return [f"{it.topic}[{it.partition}]@{it.offset}" for it in self.letters()]

    def books(self) -> Account:
        """As if the consumer had committed all that it consumed."""
        with LogReader(self.settings) as reader:
            offsets = [
                PartitionOffsets(topic, partition, 0, end, self.consumed[topic].get(partition, 0))
                for topic in INTAKE
                for partition, end in reader.ends(topic).items()
            ]
        with self.database.reading() as session:
            return read_books(session, offsets).total

    def close(self) -> None:
        self.events.close()
        self.database.close()


def is_replay(record: Record) -> bool:
    return REPLAY_OF in dict(record.headers)


def picture(seed: int) -> bytes:
    pixels: Any = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
