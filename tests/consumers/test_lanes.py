"""Uploads before APOD before the backfill; and offsets that Kafka left out, by their cause."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from consumers.in_flight import InFlight
from consumers.lanes import Job, Lanes, PassedOver
from consumers.passing import passed_over
from infra.database.models import GapCause
from infra.eventlog.record import Record
from infra.eventlog.topics import APOD, BACKFILL, INTAKE, UPLOADS
from tests.consumers.world import NOON


def job(topic: str, offset: int, partition: int = 0) -> Job:
    flight = InFlight()
    flight.open((topic, partition), offset)
    record = Record(topic, partition, offset, None, b"", [], NOON)
    return Job(flight.take((topic, partition), offset, offset + 1), record)


def test_the_topics_are_in_the_order_of_their_urgency() -> None:
    assert INTAKE == (UPLOADS, APOD, BACKFILL)


def test_an_upload_overtakes_all_others_and_keeps_the_order_of_its_lane() -> None:
    lanes = Lanes()
    jobs = [job(BACKFILL, 0), job(APOD, 0), job(UPLOADS, 0), job(BACKFILL, 1), job(UPLOADS, 1)]
    for one in jobs:
        lanes.put(one)
    backfill, apod, upload, later_backfill, later_upload = jobs
    assert [lanes.take() for _ in jobs] == [upload, later_upload, apod, backfill, later_backfill]


def test_what_waits_of_a_partition_that_went_away_is_dropped() -> None:
    lanes = Lanes()
    kept = job(UPLOADS, 0, partition=1)
    lanes.put(job(UPLOADS, 0, partition=0))
    lanes.put(kept)
    lanes.drop((UPLOADS, 0))
    assert lanes.take() == kept


def test_closing_ends_the_waiting_and_gives_out_nothing_more() -> None:
    lanes = Lanes()
    taken: list[Job | None] = []
    waiting = threading.Thread(target=lambda: taken.append(lanes.take()))
    waiting.start()
    lanes.close()
    waiting.join(10)
    lanes.put(job(UPLOADS, 0))
    assert taken == [None]
    assert lanes.take() is None


def test_deleted_and_empty_offsets_are_told_apart_by_where_the_log_begins() -> None:
    at = (UPLOADS, 0)
    deleted, empty = GapCause.DELETED, GapCause.EMPTY
    assert list(passed_over(at, 3, 7, 0)) == [PassedOver(UPLOADS, 0, 3, 6, empty)]
    assert list(passed_over(at, 3, 7, 7)) == [PassedOver(UPLOADS, 0, 3, 6, deleted)]
    assert list(passed_over(at, 3, 7, 5)) == [
        PassedOver(UPLOADS, 0, 3, 4, deleted),
        PassedOver(UPLOADS, 0, 5, 6, empty),
    ]


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 120))
def test_every_offset_left_out_is_named_once(expected: int, length: int, beginning: int) -> None:
    reached = expected + length
    gaps = list(passed_over((UPLOADS, 0), expected, reached, beginning))
    named = [offset for gap in gaps for offset in range(gap.first, gap.last + 1)]
    assert named == list(range(expected, reached))
    for gap in gaps:
        assert (gap.last < beginning) == (gap.cause is GapCause.DELETED)
