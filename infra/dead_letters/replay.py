"""Sending dead letters back to the topics that they came from: none twice, none forgotten.

1. The letter's bytes are read, and where its topic ends now.
2. Both are noted with the claim, in the database, before anything is sent.
3. The record is sent, with the address at which it died in a header.
4. The claim becomes ``replayed``.

A replay that dies between 2 and 4 leaves a claim. The next one looks behind the noted ends for a
record with that header: if it is there, only step 4 was missing; if not, nothing was sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from infra.blobs import BlobMissing, BlobStore, open_blob_store
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import DeadLetter, LetterState
from infra.dead_letters.ledger import Ledger, Selection, ends_at_claim
from infra.dead_letters.letter import REPLAY_OF, Letter, LetterGone, read_letter
from infra.eventlog.clients import EventLog, EventTooLarge, KafkaEventLog
from infra.eventlog.reading import LogReader
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS
from infra.settings import Settings


@dataclass(frozen=True)
class ReplayPolicy:
    """How fast, and when another replay's claim may be taken for abandoned."""

    per_second: float
    lease_s: float = 60.0
    """Twice as long as a send may take: whoever claimed a letter so long ago sends it no more."""


class Fate(StrEnum):
    """How one letter fared in a replay."""

    REPLAYED = "replayed"
    FOUND_REPLAYED = "were already sent by a replay that was interrupted"
    TAKEN = "taken by another command"
    GONE = "gone from the dead-letter topic"
    TOO_LARGE = "too large to send"
    UNCERTAIN = "perhaps sent by a replay that was interrupted: retention has deleted the proof"


SENT = frozenset({Fate.REPLAYED, Fate.FOUND_REPLAYED})
"""How a letter fares that is on its topic again."""


@dataclass(frozen=True)
class Parts:
    """What a replay works with."""

    ledger: Ledger
    reader: LogReader
    events: EventLog
    blobs: BlobStore


@contextmanager
def open_replay(settings: Settings, database: Database, policy: ReplayPolicy) -> Iterator["Replay"]:
    """A replay with the configured parts, which are closed at the end.

    Raises:
        Unavailable: Kafka or the blob store is away.
    """
    blobs = open_blob_store(settings)
    with LogReader(settings) as reader, closing(KafkaEventLog(settings)) as events:
        yield Replay(Parts(Ledger(database), reader, events, blobs), policy)


class Replay:
    """One run over a selection of letters."""

    def __init__(
        self,
        parts: Parts,
        policy: ReplayPolicy,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = parts.ledger
        self._reader = parts.reader
        self._events = parts.events
        self._blobs = parts.blobs
        self._policy = policy
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_send = monotonic()
        self._fates = Counter[Fate]()

    @property
    def fates(self) -> Counter[Fate]:
        """How the letters have fared so far; may be asked while another thread replays."""
        return self._fates.copy()

    def run(self, selection: Selection) -> Counter[Fate]:
        """Replay what is selected now: a letter that a replay brings about is not.

        Raises:
            Unavailable: a part is away; run again, and the replay goes on where it stood.
        """
        chosen = self._ledger.ids(selection)
        for letter_id in chosen:
            self._fates[self._replay(letter_id, selection.states)] += 1
        self._settle_claims(selection)
        return self.fates

    def _replay(self, letter_id: int, states: frozenset[LetterState]) -> Fate:
        row = self._ledger.get(letter_id)
        if row.state not in states:
            return Fate.TAKEN
        try:
            letter = self._read(row)
        except (LetterGone, BlobMissing):
            return Fate.GONE
        self._wait_for_turn()
        claimed_at = self._ledger.claim(row, self._reader.ends(letter.topic))
        if claimed_at is None:
            return Fate.TAKEN
        return self._send(row, letter, claimed_at)

    def _read(self, row: DeadLetter) -> Letter:
        return letter_of(row, self._reader, self._blobs)

    def _send(self, row: DeadLetter, letter: Letter, claimed_at: datetime) -> Fate:
        headers = letter.replay_headers()
        # kafka-python sends no record without both key and value.
        value = b"" if letter.key is None and letter.value is None else letter.value
        try:
            partition, offset = self._events.send(letter.topic, letter.key, value, headers)
        except EventTooLarge:
            self._ledger.release(row.id, claimed_at, row.state)
            return Fate.TOO_LARGE
        self._ledger.note_replayed(row.id, partition, offset)
        return Fate.REPLAYED

    def _wait_for_turn(self) -> None:
        now = self._monotonic()
        if now < self._next_send:
            self._sleep(self._next_send - now)
        self._next_send = max(now, self._next_send) + 1 / self._policy.per_second

    def _settle_claims(self, selection: Selection) -> None:
        """Finish what other replays began, once it is sure that they do not."""
        begun = replace(selection, states=frozenset({LetterState.REPLAYING}))
        for letter_id in self._ledger.ids(begun):
            self._fates[self._settle_claim(letter_id, selection.states)] += 1

    def _settle_claim(self, letter_id: int, states: frozenset[LetterState]) -> Fate:
        row = self._claim_after_lease(letter_id)
        if row.state is not LetterState.REPLAYING or row.claimed_at is None:
            return Fate.TAKEN
        ends = ends_at_claim(row)
        sent = self._find_replay_of(row)
        if sent is not None:
            self._ledger.note_replayed(row.id, sent.partition, sent.offset)
            return Fate.FOUND_REPLAYED
        beginnings = self._reader.beginnings(row.topic)
        if any(beginnings.get(partition, 0) > end for partition, end in ends.items()):
            return Fate.UNCERTAIN
        if not self._ledger.release(row.id, row.claimed_at, LetterState.WAITING):
            return Fate.TAKEN
        return self._replay(letter_id, states | {LetterState.WAITING})

    def _claim_after_lease(self, letter_id: int) -> DeadLetter:
        row = self._ledger.get(letter_id)
        if row.state is LetterState.REPLAYING and row.claimed_at is not None:
            lease_ends = row.claimed_at + timedelta(seconds=self._policy.lease_s)
            left = (lease_ends - self._clock()).total_seconds()
            if left > 0:
                # No longer than a lease, whatever the clock of whoever claimed it said.
                self._sleep(min(left, self._policy.lease_s))
                return self._ledger.get(letter_id)
        return row

    def _find_replay_of(self, row: DeadLetter) -> Record | None:
        wanted = (REPLAY_OF, f"{row.topic}[{row.partition}]@{row.offset}".encode())
        for record in self._reader.since(row.topic, ends_at_claim(row)):
            if wanted in record.headers:
                return Record.from_kafka(record)
        return None


def letter_of(row: DeadLetter, reader: LogReader, blobs: BlobStore) -> Letter:
    """The letter that a row speaks of.

    Raises:
        LetterGone: retention has deleted it, or another Kafka's record lies there.
        BlobMissing: it refers to a blob that is gone.
        Unavailable: Kafka or the blob store is away.
    """
    if row.letter_partition is None or row.letter_offset is None:
        raise LetterGone(f"dead letter {row.id} is of a version that did not note where it lies")
    found = reader.at(DEAD_LETTERS, row.letter_partition, row.letter_offset)
    if found is None:
        raise LetterGone(f"dead letter {row.id} was deleted by the topic's retention")
    letter = read_letter(Record.from_kafka(found), blobs)
    if (letter.topic, letter.partition, letter.offset) != (row.topic, row.partition, row.offset):
        raise LetterGone(f"where dead letter {row.id} was, that of {letter.address} is now")
    return letter
