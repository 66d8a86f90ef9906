"""The same again and again, under two names, at odd times, and dead over and over."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from infra.books import Account
from infra.database.models import DeadLetter, Image, LetterState, Result
from infra.dead_letters.ledger import Ledger, Selection
from infra.dead_letters.replay import Parts, Replay, ReplayPolicy
from infra.eventlog.clients import open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import APOD, GROUP, UPLOADS
from producers.apod.days import NEW_YORK
from tests.consumers.consuming import Site, wait_until
from tests.faults.drills import Drill


def test_one_picture_is_delivered_a_hundred_times(
    site: Site, drill: Callable[[Site], Drill]
) -> None:
    flood = drill(site)
    event = site.picture(40)
    with flood.broken("one event is sent 100 times, on two topics"):
        for number in range(100):
            site.send(event, UPLOADS if number % 2 else APOD)
    with site.consuming(hands=3):
        after = flood.require_recovery()
    assert after == Account(accepted=100, done=1, duplicate=99)
    assert len(site.world.all(Result)) == 1


def test_everything_is_delivered_again(site: Site, drill: Callable[[Site], Drill]) -> None:
    with site.consuming(hands=2):
        for side in range(20, 30):
            site.send(site.picture(side))
        wait_until(lambda: site.lag() == 0)
    again = drill(site)
    with again.broken("the group's offsets are set back to 0"), open_admin(site.settings) as admin:
        back = {
            TopicPartition(at.topic, at.partition): OffsetAndMetadata(0, "", -1)
            for at in site.offsets()
        }
        admin.alter_group_offsets(GROUP, back)
    with site.consuming(hands=2):
        after = again.require_recovery()
    assert after == Account(accepted=10, done=10)
    assert len(site.world.all(Result)) == 10


def test_one_picture_under_two_ids_is_two_events(
    site: Site, drill: Callable[[Site], Drill]
) -> None:
    event = site.picture(40)
    twice = drill(site)
    with twice.broken("the same picture is sent under two ids"):
        site.send(replace(event, id="one"))
        site.send(replace(event, id="other"))
    with site.consuming(hands=2):
        after = twice.require_recovery()
    assert after == Account(accepted=2, done=2)
    assert len({row.sha256 for row in site.world.all(Result)}) == 1


DAY = timedelta(days=1)


@pytest.mark.parametrize("skew", [-DAY, DAY])
def test_a_consumers_clock_is_a_day_off(
    site: Site, drill: Callable[[Site], Drill], monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    def skewed() -> datetime:
        return datetime.now(UTC) + skew

    site.world.pipeline = replace(site.world.pipeline, clock=skewed)
    # What it sends bears the same clock's time.
    producer, stamp = site.events._opened(), int(skewed().timestamp() * 1000)
    monkeypatch.setattr(producer, "send", partial(producer.send, timestamp_ms=stamp))
    off = drill(site)
    with site.consuming(clock=skewed):
        with off.broken(f"the consumer's clock is {skew / DAY:+.0f} day off"):
            site.send(site.picture(20))
            site.events.send(UPLOADS, b"k", b"not a picture", [])
        after = off.require_recovery()
    assert after == Account(accepted=2, done=1, dead=1)
    assert all(row.queue_s >= 0 for row in site.world.all(Result))


@pytest.mark.parametrize("skew", [-DAY, DAY])
def test_a_senders_clock_is_a_day_off(
    site: Site, drill: Callable[[Site], Drill], skew: timedelta
) -> None:
    event = site.picture(20)
    stamp = int((datetime.now(UTC) + skew).timestamp() * 1000)
    off = drill(site)
    with (
        off.broken(f"a sender's clock is {skew / DAY:+.0f} day off"),
        closing(KafkaProducer(bootstrap_servers=site.settings.bootstrap_servers)) as sender,
    ):
        sender.send(UPLOADS, event.data, event.key, event.headers(), timestamp_ms=stamp).get(30)
    with site.consuming():
        after = off.require_recovery()
    assert after == Account(accepted=1, done=1)


def test_the_hour_that_comes_twice_in_new_york_is_two_hours(
    site: Site, drill: Callable[[Site], Drill], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    for moment in (first, second):
        assert f"{moment.astimezone(NEW_YORK):%H:%M}" == "01:30"
    monkeypatch.setenv("TZ", str(NEW_YORK))
    time.tzset()
    now = first
    change = drill(site)
    with site.consuming(clock=lambda: now):
        with change.broken("the clocks go back an hour"):
            site.send(site.picture(20))
            wait_until(lambda: site.lag() == 0)
            now = second
            site.send(site.picture(21))
        after = change.require_recovery()
    monkeypatch.undo()
    time.tzset()
    assert after == Account(accepted=2, done=2)
    assert [row.settled_at for row in site.world.all(Image)] == [first, second]


def test_a_dead_letter_that_is_replayed_and_dies_again_is_quarantined(
    site: Site, drill: Callable[[Site], Drill]
) -> None:
    loop = drill(site)
    site.events.send(UPLOADS, b"k", b"not a picture", [])
    with site.consuming():
        with loop.broken("a dead letter is replayed as long as it can be"):
            wait_until(lambda: site.lag() == 0)
            while replayed(site):
                wait_until(lambda: site.lag() == 0)
        after = loop.require_recovery()
    assert after == Account(accepted=4, dead=4)
    states = [row.state for row in site.world.all(DeadLetter)]
    assert states == 3 * [LetterState.REPLAYED] + [LetterState.QUARANTINED]


def replayed(site: Site) -> bool:
    """Replay all that waits, as `doublet dead-letters replay --all`; False if there is nothing."""
    with LogReader(site.settings) as reader:
        parts = Parts(Ledger(site.world.database), reader, site.events, site.world.blobs)
        replay = Replay(parts, ReplayPolicy(per_second=1000))
        return bool(replay.run(Selection(frozenset({LetterState.WAITING}))))
