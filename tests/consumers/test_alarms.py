"""A consumer that waits too long, or whose disk is nearly full, says so until that has passed."""

from datetime import timedelta

import pytest

from consumers.alarms import AlarmPolicy, Alarms
from consumers.breaker import Breaker
from consumers.halt import Halt, HandedBack
from infra.alerts import Alerts, open_alerts
from infra.database.engine import Database
from infra.disks import Space
from serving.errors import ModelServerUnavailable
from tests.consumers.world import NOON

POLICY = AlarmPolicy(waits=timedelta(minutes=2), free_percent=5)


def alerts(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {f"{it.kind}, {it.subject}": it.detail for it in open_alerts(session)}


def test_waiting_for_a_part_is_an_alert_once_it_lasts(sqlite: Database) -> None:
    now, halt = [NOON], Halt()
    breaker = Breaker(halt, clock=lambda: NOON)

    def away() -> None:
        halt.request()
        raise ModelServerUnavailable("connection refused")

    with pytest.raises(HandedBack):
        breaker.insist(away)
    alarms = Alarms("consumer", breaker, dict, POLICY, Alerts(sqlite), lambda: now[0])
    now[0] += timedelta(minutes=2)
    alarms.look()
    assert alerts(sqlite) == {}
    now[0] += timedelta(seconds=1)
    alarms.look()
    says = "waiting for the model server since 2026-11-23 12:00:00 UTC: connection refused"
    assert alerts(sqlite) == {"waiting, consumer: the model server": says}
    breaker.answered()
    alarms.look()
    assert alerts(sqlite) == {}


def test_a_disk_that_is_nearly_full_is_an_alert(sqlite: Database) -> None:
    disks = {"blobs": Space(free=5 * 2**30, size=100 * 2**30), "scratch": Space(2**30, 2**40)}
    breaker = Breaker(Halt())
    alarms = Alarms("consumer", breaker, lambda: disks, POLICY, Alerts(sqlite), lambda: NOON)
    alarms.look()
    assert alerts(sqlite) == {"disk, consumer: disk of scratch": "0.1 % are left, 1,024 MiB"}
    disks["scratch"] = Space(2**39, 2**40)
    alarms.look()
    assert alerts(sqlite) == {}


def test_a_consumer_that_is_gone_waits_for_nobody(sqlite: Database) -> None:
    disks = {"scratch": Space(2**30, 2**40)}
    alarms = Alarms("consumer", Breaker(Halt()), lambda: disks, POLICY, Alerts(sqlite))
    with alarms.looking():
        alarms.look()
        assert alerts(sqlite)
    assert alerts(sqlite) == {}
