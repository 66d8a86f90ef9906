"""Dead letters are sent again: none twice, none forgotten, whatever interrupts it."""

import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer

from infra.books import Account
from infra.database.models import LetterState
from infra.dead_letters.ledger import Ledger, Selection
from infra.dead_letters.replay import Fate, Parts, Replay, ReplayPolicy, letter_of
from infra.errors import Unavailable
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import DEAD_LETTERS, UPLOADS
from infra.settings import MEBIBYTE
from tests.consumers.dead_letters.yard import Yard, is_replay
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import REPOSITORY

WAITING = Selection(frozenset({LetterState.WAITING}))


def replay(yard: Yard, *, seconds_later: float = 3600, lease_s: float = 60) -> Counter[Fate]:
    """A replay by hand, at a time when every claim of another one has ended."""
    later = datetime.now(UTC) + timedelta(seconds=seconds_later)
    events = KafkaEventLog(yard.settings)
    with LogReader(yard.settings) as reader:
        parts = Parts(Ledger(yard.database), reader, events, yard.blobs)
        policy = ReplayPolicy(per_second=1000, lease_s=lease_s)
        fates = Replay(parts, policy, clock=lambda: later).run(WAITING)
    events.close()
    return fates


def test_a_replayed_record_is_what_its_sender_sent(yard: Yard) -> None:
    senders = [("foreign", b"\xff\xfe"), ("twice", b"1"), ("twice", b"2")]
    yard.hand_in(1, headers=senders)
    yard.refuse(1)
    yard.consume()
    assert replay(yard) == {Fate.REPLAYED: 1}
    first, again = sorted(yard.uploads(), key=is_replay)
    assert (again.topic, again.key, again.value) == (first.topic, first.key, first.value)
    assert again.headers[: len(senders)] == senders
    assert dict(again.headers)["doublet-error-replays"] == b"1"
    [letter] = yard.letters()
    assert letter.state is LetterState.REPLAYED
    assert (letter.replayed_partition, letter.replayed_offset) == (again.partition, again.offset)


def test_the_books_count_a_replayed_record_as_a_new_one_and_balance(yard: Yard) -> None:
    yard.hand_in(1, 2, 3)
    yard.refuse(2)
    yard.consume()
    assert yard.books() == Account(accepted=3, done=1, dead=2)
    replay(yard)
    assert yard.books() == Account(accepted=5, done=1, dead=2, in_flight=2)
    yard.consume()
    assert yard.books() == Account(accepted=5, done=3, dead=2)


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_replay_that_is_killed_sends_nothing_twice_and_forgets_nothing(
    yard: Yard, step: str
) -> None:
    yard.hand_in(*range(6))
    yard.refuse(6)
    yard.consume()
    command = [sys.executable, "-m", "tests.consumers.dead_letters.dying_replay", step, "3"]
    died = subprocess.run(command, cwd=REPOSITORY, check=False)
    assert died.returncode == -signal.SIGKILL
    assert Counter(yard.states()) == {
        LetterState.REPLAYED: 2,
        LetterState.REPLAYING: 1,
        LetterState.WAITING: 3,
    }
    found = {Fate.FOUND_REPLAYED: 1} if step == "after" else {}
    assert replay(yard) == {Fate.REPLAYED: 6 - 2 - len(found), **found}
    assert sorted(yard.replayed()) == sorted(yard.addresses())
    assert set(yard.states()) == {LetterState.REPLAYED}
    yard.consume()
    assert yard.books() == Account(accepted=12, done=6, dead=6)


def test_another_replays_letter_is_left_to_it_until_its_lease_ends(yard: Yard) -> None:
    yard.hand_in(1)
    yard.refuse(1)
    yard.consume()
    [letter] = yard.letters()
    ledger = Ledger(yard.database)
    with LogReader(yard.settings) as reader:
        assert ledger.claim(letter, reader.ends(letter.topic)) is not None
        assert ledger.claim(letter, {}) is None
        slept: list[float] = []

        def the_other_finishes(seconds: float) -> None:
            slept.append(seconds)
            ledger.note_replayed(letter.id, 0, 7)

        parts = Parts(ledger, reader, yard.events, yard.blobs)
        run = Replay(parts, ReplayPolicy(1000), sleep=the_other_finishes)
        assert run.run(WAITING) == {Fate.TAKEN: 1}
    assert slept == [pytest.approx(60, abs=20)]
    assert yard.replayed() == []


class BrokerDies(KafkaEventLog):
    """Kafka goes away between the claim and the sending."""

    broker: LocalBroker

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        self.broker.kill()
        return super().send(topic, key, value, headers)


@pytest.mark.slow
def test_kafka_going_away_leaves_a_claim_that_the_next_replay_settles(yard: Yard) -> None:
    yard.hand_in(1, 2)
    yard.refuse(2)
    yard.consume()
    events = BrokerDies(yard.settings)
    events.broker = yard.broker
    with LogReader(yard.settings) as reader:
        run = Replay(
            Parts(Ledger(yard.database), reader, events, yard.blobs), ReplayPolicy(per_second=1000)
        )
        with pytest.raises(Unavailable):
            run.run(WAITING)
    events.close()
    assert yard.states() == [LetterState.REPLAYING, LetterState.WAITING]
    yard.broker.start()
    assert replay(yard) == {Fate.REPLAYED: 2}
    assert sorted(yard.replayed()) == sorted(yard.addresses())


def test_what_fails_again_and_again_is_quarantined(yard: Yard) -> None:
    yard.hand_in(1)
    for replays in range(3):
        yard.refuse(1)
        yard.consume()
        assert [letter.replays for letter in yard.letters()] == list(range(replays + 1))
        replay(yard)
    assert yard.states() == [
        LetterState.REPLAYED,
        LetterState.REPLAYED,
        LetterState.QUARANTINED,
    ]
    assert replay(yard) == {}
    assert yard.run("replay", "--all", "--quarantined").exit_code == 0
    yard.consume()
    assert yard.books() == Account(accepted=4, done=1, dead=3)


def test_a_senders_own_count_of_replays_is_not_believed(yard: Yard) -> None:
    yard.hand_in(1, headers=[("doublet-error-replays", b"many")])
    yard.refuse(1)
    yard.consume()
    assert [letter.replays for letter in yard.letters()] == [0]


def test_a_letter_that_retention_deleted_is_said_to_be_gone(yard: Yard) -> None:
    yard.hand_in(1)
    yard.refuse(1)
    yard.consume()
    with open_admin(yard.settings) as admin:
        admin.delete_topics([DEAD_LETTERS])
    assert replay(yard) == {Fate.GONE: 1}
    assert yard.states() == [LetterState.WAITING]


def test_replays_keep_to_their_rate(yard: Yard) -> None:
    yard.hand_in(*range(5))
    yard.refuse(5)
    yard.consume()
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with LogReader(yard.settings) as reader:
        parts = Parts(Ledger(yard.database), reader, yard.events, yard.blobs)
        run = Replay(parts, ReplayPolicy(per_second=2), monotonic=lambda: now, sleep=sleep)
        assert run.run(WAITING) == {Fate.REPLAYED: 5}
    assert now == pytest.approx(2.0)


def test_a_record_that_is_larger_than_we_may_send_is_kept_whole_and_says_so(yard: Yard) -> None:
    """Other people's clients compress: what passed the topic's limit so is too large unpacked."""
    value = bytes(3 * MEBIBYTE)
    with closing(
        KafkaProducer(
            bootstrap_servers=yard.broker.bootstrap,
            compression_type="gzip",
            max_request_size=2 * len(value),
        )
    ) as foreign:
        foreign.send(UPLOADS, value, b"key", [("foreign", b"\xff")]).get(30)
    yard.consume()
    [row] = yard.letters()
    assert replay(yard) == {Fate.TOO_LARGE: 1}
    assert yard.states() == [LetterState.WAITING]
    with LogReader(yard.settings) as reader:
        letter = letter_of(row, reader, yard.blobs)
    assert (letter.key, letter.value, letter.headers) == (b"key", value, [("foreign", b"\xff")])
