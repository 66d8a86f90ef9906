"""The dashboard's questions, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from dashboard.queries import pictures as pictures_queries
from dashboard.queries import running
from dashboard.queries.pictures import PictureFilter, count_pictures, original_file, result_file
from infra.database.engine import Database
from infra.database.models import Image, ImageState, LagSample, Lane, Outcome, PartState
from infra.parts import Heartbeat
from infra.tally import settled_by_the_database
from tests.dashboard.seeding import Seed, seed
from tests.fixtures.blob_stores import blobs_at

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Seed:
    """The database with some pictures in every state."""
    return seed(database, blobs_at((tmp_path / "blobs").as_uri()), NOW, done=4, side=64)


def test_parts_and_outcomes(database: Database, filled: Seed) -> None:
    with database.reading() as session:
        assert [part.name for part in running.parts(session, NOW)] == [
            "consumer",
            "dashboard",
            "scheduler",
        ]
        assert settled_by_the_database(session) == {
            Outcome.DONE: 4,
            Outcome.DUPLICATE: 1,
            Outcome.SKIPPED: 1,
            Outcome.DEAD: 1,
        }


def test_a_consumer_without_a_name_is_missed_for_a_day(database: Database) -> None:
    for name in ("consumer", "consumer host-1"):
        Heartbeat(database, name, clock=lambda: NOW).beat(PartState.RUNNING)
    with database.reading() as session:
        soon, later = (running.parts(session, NOW + timedelta(hours=h)) for h in (23, 25))
    assert [part.name for part in soon] == ["consumer", "consumer host-1"]
    assert [part.name for part in later] == ["consumer"]


def test_doublings_are_those_of_the_window_oldest_first(database: Database, filled: Seed) -> None:
    with database.reading() as session:
        doublings = running.doublings(session, NOW - timedelta(hours=1))
        later = running.doublings(session, doublings[1].stored_at)
    assert len(doublings) == 4
    assert [doubling.stored_at for doubling in doublings] == sorted(
        doubling.stored_at for doubling in doublings
    )
    assert later == doublings[1:]
    assert all(len(doubling.seconds) == len(running.STAGES) for doubling in doublings)


def test_lag_is_the_last_sample_of_each_partition_and_the_worst_over_time(
    database: Database,
) -> None:
    with database.transaction() as session:
        for minutes, partition, seconds in ((3, 0, 5.0), (2, 0, 7.0), (2, 1, 9.0), (1, 1, 2.0)):
            session.add(
                LagSample(
                    taken_at=NOW - timedelta(minutes=minutes),
                    topic="t",
                    partition=partition,
                    end_offset=30,
                    committed_offset=30 - int(seconds),
                    seconds_behind=seconds,
                )
            )
    with database.reading() as session:
        history = running.lag(session, NOW - timedelta(hours=1))
        recent = running.lag(session, NOW - timedelta(seconds=90))
    assert {
        place: [(sample.records, sample.seconds) for sample in samples]
        for place, samples in history.partitions.items()
    } == {("t", 0): [(5, 5.0), (7, 7.0)], ("t", 1): [(9, 9.0), (2, 2.0)]}
    assert history.seconds == [5.0, 9.0, 2.0]
    assert recent.seconds == [2.0]


def test_pictures_are_listed_newest_first_page_by_page(database: Database, filled: Seed) -> None:
    with database.reading() as session:
        total = count_pictures(session, PictureFilter())
        listed = pictures_queries.pictures(session, PictureFilter(), offset=0, limit=100)
        second = pictures_queries.pictures(session, PictureFilter(), offset=3, limit=2)
    assert total == len(listed) == 8
    received = [line.received_at for line in listed]
    assert received == sorted(received, reverse=True)
    assert second == listed[3:5]


@pytest.mark.parametrize(
    ("which", "names"),
    [
        (PictureFilter(states=(ImageState.DEAD,)), ["torn-in-half.jpg"]),
        (PictureFilter(name="HALO"), ["A Halo around the Moon"]),
        (PictureFilter(name="%"), []),
        (PictureFilter(name="_"), []),
        (PictureFilter(states=(ImageState.DEAD,), day=NOW.date()), ["torn-in-half.jpg"]),
        (PictureFilter(day=NOW.date() + timedelta(days=1)), []),
        (
            PictureFilter(lane=Lane.UPLOAD, states=(ImageState.DONE,), name="co"),
            ["Comet and Crescent"],
        ),
    ],
)
def test_filters(database: Database, filled: Seed, which: PictureFilter, names: list[str]) -> None:
    with database.reading() as session:
        lines = pictures_queries.pictures(session, which, offset=0, limit=100)
        assert [line.name for line in lines] == names
        assert count_pictures(session, which) == len(names)


def test_one_picture_with_its_result_or_its_dead_letter(database: Database, filled: Seed) -> None:
    with database.reading() as session:
        done = _picture(session, filled.pictures[ImageState.DONE])
        dead = _picture(session, filled.pictures[ImageState.DEAD])
    (result,) = done.results
    assert result.width == 2 * (done.line.width or 0)
    assert done.dead_letter is None
    assert str(done.delivery) == "doublet.uploads.v1, partition 1, offset 0"
    assert dead.results == ()
    assert dead.dead_letter is not None
    assert dead.dead_letter.stage == "decode"


@pytest.mark.parametrize("image_id", [0, -1, 999, 2**63, 10**40])
def test_a_picture_that_is_not_there(database: Database, image_id: int) -> None:
    with database.reading() as session:
        assert pictures_queries.picture(session, image_id) is None
        assert original_file(session, image_id) is None
        assert result_file(session, image_id) is None


def test_files_have_names_to_keep_them_by(database: Database, filled: Seed) -> None:
    with database.transaction() as session:
        image = session.get_one(Image, filled.pictures[ImageState.DONE])
        image.name = "moon.over.alps.jpg"
        result = image.results[0]
        original, doubled = original_file(session, image.id), result_file(session, result.id)
    assert original is not None
    assert (original.name, original.media_type) == ("moon.over.alps.jpg", "image/jpeg")
    assert doubled is not None
    assert (doubled.name, doubled.media_type) == ("moon.over.alps-doubled.png", "image/png")


def _picture(session: Session, image_id: int) -> pictures_queries.Picture:
    found = pictures_queries.picture(session, image_id)
    assert found is not None
    return found
