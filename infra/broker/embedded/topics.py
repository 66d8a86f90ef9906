"""Topics: their partitions' logs, their settings, and retention."""

from __future__ import annotations

import logging
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kafka.errors import (
    InvalidPartitionsError,
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicIdError,
    UnknownTopicOrPartitionError,
)

from infra.broker.embedded import configs
from infra.broker.embedded.batch import Batch
from infra.broker.embedded.catalogue import Catalogue, TopicEntry
from infra.broker.embedded.configs import TOPIC_CONFIGS
from infra.broker.embedded.log import PartitionLog

LEGAL_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")  # Kafka's rule, and safe as a folder
MAX_PARTITIONS = 1000  # a file stays open for each; the usual limit of open files is 1024

logger = logging.getLogger(__name__)


class Topic:
    """One topic with its partitions."""

    def __init__(self, folder: Path, entry: TopicEntry) -> None:
        self.folder = folder
        self.entry = entry
        self.partitions = [PartitionLog(folder / str(index)) for index in range(entry.partitions)]

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def id(self) -> uuid.UUID:
        return self.entry.id

    def config(self, name: str) -> str:
        """The value of a setting, the default where the topic was given none."""
        return self.entry.configs.get(name, TOPIC_CONFIGS[name].default)

    def partition(self, index: int) -> PartitionLog:
        """Raises UnknownTopicOrPartitionError where there is none."""
        if not 0 <= index < len(self.partitions):
            raise UnknownTopicOrPartitionError(f"{self.name} has no partition {index}")
        return self.partitions[index]

    def append(self, partition: int, data: bytes, now_ms: int) -> int:
        """Store a producer's batch; returns the offset of its first record.

        Raises:
            MessageSizeTooLargeError: larger than the topic's `max.message.bytes`.
            InvalidTimestampError: stamped farther ahead of `now_ms` than the topic allows.
            UnknownTopicOrPartitionError, and what `PartitionLog.append` raises.
        """
        log = self.partition(partition)
        limit = int(self.config(configs.MAX_MESSAGE_BYTES))
        if len(data) > limit:
            raise MessageSizeTooLargeError(
                f"a batch of {len(data)} bytes is over the limit of {limit}"
            )
        ahead = int(self.config(configs.MAX_AHEAD_MS))
        if Batch.parse(data).max_timestamp > now_ms + ahead:
            raise InvalidTimestampError(f"a record is stamped more than {ahead} ms ahead")
        return log.append(data)

    def retain(self, now_ms: int) -> None:
        """Drop what retention no longer asks for.

        A file is rewritten only when at least half of it is outdated, so that no record is copied
        more than once on average; until then it keeps more than it must, as Kafka does too.
        """
        age, size = (
            int(self.config(configs.RETENTION_MS)),
            int(self.config(configs.RETENTION_BYTES)),
        )
        oldest = None if age < 0 else now_ms - age
        for log in self.partitions:
            start = log.outdated_before(oldest, None if size < 0 else size)
            if start > log.start and log.bytes_before(start) * 2 >= log.size:
                log.trim(start)
                logger.info("%s: records before offset %d are past retention", log.folder, start)

    def close(self) -> None:
        for log in self.partitions:
            log.close()


class Topics:
    """All topics of the broker."""

    def __init__(self, folder: Path, catalogue: Catalogue, clock: Callable[[], float]) -> None:
        """Open every topic of the catalogue; `clock` gives the time of day in seconds."""
        self._folder = folder
        self._catalogue = catalogue
        self._clock = clock
        self._topics = {e.name: Topic(folder / e.name, e) for e in catalogue.topics()}

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def __getitem__(self, name: str) -> Topic:
        """Raises UnknownTopicOrPartitionError: topics are never created by asking for them."""
        if name not in self._topics:
            raise UnknownTopicOrPartitionError(f"there is no topic {name!r}")
        return self._topics[name]

    def with_id(self, key: uuid.UUID) -> Topic:
        """Raises UnknownTopicIdError."""
        for topic in self:
            if topic.id == key:
                return topic
        raise UnknownTopicIdError(f"there is no topic {key}")

    @property
    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def check_new(self, name: str, partitions: int, given: Mapping[str, str | None]) -> TopicEntry:
        """The topic that `create` would make.

        Raises:
            InvalidTopicError, TopicAlreadyExistsError, InvalidPartitionsError,
            InvalidConfigurationError.
        """
        if not LEGAL_NAME.fullmatch(name):
            raise InvalidTopicError(f"{name!r} is not a legal topic name")
        if name in self._topics:
            raise TopicAlreadyExistsError(f"Topic '{name}' already exists.")
        self._check_partitions(partitions)
        return TopicEntry(name, uuid.uuid4(), partitions, configs.check(given))

    def create(self, entry: TopicEntry) -> None:
        folder = self._folder / entry.name
        if folder.exists():  # what an interrupted `delete` left
            shutil.rmtree(folder)
        self._topics[entry.name] = Topic(folder, entry)
        self._catalogue.save_topic(entry)

    def delete(self, name: str) -> None:
        """Raises UnknownTopicOrPartitionError."""
        topic = self[name]
        self._catalogue.drop_topic(name)
        del self._topics[name]
        topic.close()
        shutil.rmtree(topic.folder)

    def add_partitions(self, name: str, count: int) -> None:
        """Let the topic have `count` partitions.

        Raises:
            UnknownTopicOrPartitionError; InvalidPartitionsError where it has as many already.
        """
        topic = self[name]
        if count <= len(topic.partitions):
            raise InvalidPartitionsError(f"{name} has {len(topic.partitions)} partitions already")
        self._check_partitions(count - len(topic.partitions))
        topic.partitions += [
            PartitionLog(topic.folder / str(index)) for index in range(len(topic.partitions), count)
        ]
        self._save(topic, replace(topic.entry, partitions=count))

    def configure(self, name: str, given: Mapping[str, str]) -> None:
        """Let the topic's own settings be exactly `given`.

        Raises:
            UnknownTopicOrPartitionError, InvalidConfigurationError.
        """
        topic = self[name]
        self._save(topic, replace(topic.entry, configs=configs.check(given)))

    def retain(self) -> None:
        """Apply every topic's retention."""
        for topic in self:
            topic.retain(self.now_ms)

    def close(self) -> None:
        for topic in self:
            topic.close()

    def _save(self, topic: Topic, entry: TopicEntry) -> None:
        self._catalogue.save_topic(entry)
        topic.entry = entry

    def _check_partitions(self, more: int) -> None:
        if more < 1:
            raise InvalidPartitionsError("a topic needs at least one partition")
        open_files = sum(len(topic.partitions) for topic in self)
        if open_files + more > MAX_PARTITIONS:
            raise InvalidPartitionsError(f"this broker holds at most {MAX_PARTITIONS} partitions")
