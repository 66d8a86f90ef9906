"""What the broker knows beside the records: topics, committed offsets, groups, producer ids.

One SQLite file. In WAL mode a committed transaction survives `kill -9` of the process.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, partitions INTEGER NOT NULL, configs TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS offsets (
    group_id TEXT, topic TEXT, partition INTEGER,
    offset INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, metadata TEXT,
    PRIMARY KEY (group_id, topic, partition));
CREATE TABLE IF NOT EXISTS groups (group_id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cluster (id TEXT NOT NULL, next_producer_id INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class TopicEntry:
    """A topic as it was created; `configs` holds only what differs from the defaults."""

    name: str
    id: uuid.UUID
    partitions: int
    configs: dict[str, str]


@dataclass(frozen=True)
class CommittedOffset:
    """How far a group says that it has come in one partition."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int
    metadata: str | None


class Catalogue:
    """The broker's small facts, on disk."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        if self._db.execute("SELECT 1 FROM cluster").fetchone() is None:
            self._db.execute("INSERT INTO cluster VALUES (?, 0)", (uuid.uuid4().hex[:22],))

    def close(self) -> None:
        self._db.close()

    @property
    def cluster_id(self) -> str:
        return str(self._db.execute("SELECT id FROM cluster").fetchone()[0])

    def take_producer_id(self) -> int:
        """A producer id that was never given before."""
        with self._transaction():
            (taken,) = self._db.execute("SELECT next_producer_id FROM cluster").fetchone()
            self._db.execute("UPDATE cluster SET next_producer_id = ?", (taken + 1,))
        return int(taken)

    def topics(self) -> Iterator[TopicEntry]:
        for name, key, partitions, configs in self._db.execute("SELECT * FROM topics"):
            yield TopicEntry(name, uuid.UUID(key), partitions, json.loads(configs))

    def save_topic(self, topic: TopicEntry) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO topics VALUES (?, ?, ?, ?)",
            (topic.name, str(topic.id), topic.partitions, json.dumps(topic.configs)),
        )

    def drop_topic(self, name: str) -> None:
        """Forget a topic, and the offsets that groups have committed for it."""
        with self._transaction():
            self._db.execute("DELETE FROM topics WHERE name = ?", (name,))
            self._db.execute("DELETE FROM offsets WHERE topic = ?", (name,))

    def commit_offsets(self, group_id: str, offsets: Iterable[CommittedOffset]) -> None:
        rows = [
            (group_id, at.topic, at.partition, at.offset, at.leader_epoch, at.metadata)
            for at in offsets
        ]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?, ?, ?, ?)", rows)

    def offsets(self, group_id: str) -> dict[tuple[str, int], CommittedOffset]:
        """By (topic, partition)."""
        rows = self._db.execute(
            "SELECT topic, partition, offset, leader_epoch, metadata FROM offsets"
            " WHERE group_id = ? ORDER BY topic, partition",
            (group_id,),
        )
        return {(row[0], row[1]): CommittedOffset(*row) for row in rows}

    def groups_with_offsets(self) -> set[str]:
        return {row[0] for row in self._db.execute("SELECT DISTINCT group_id FROM offsets")}

    def groups(self) -> Iterator[tuple[str, str]]:
        """(group id, its state as `save_group` was given it)."""
        yield from self._db.execute("SELECT group_id, state FROM groups").fetchall()

    def save_group(self, group_id: str, state: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO groups VALUES (?, ?)", (group_id, state))

    def drop_group(self, group_id: str) -> None:
        """Forget a group and its offsets."""
        with self._transaction():
            self._db.execute("DELETE FROM groups WHERE group_id = ?", (group_id,))
            self._db.execute("DELETE FROM offsets WHERE group_id = ?", (group_id,))

    def _transaction(self) -> sqlite3.Connection:
        self._db.execute("BEGIN")
        return self._db
