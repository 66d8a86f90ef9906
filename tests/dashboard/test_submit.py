"""The page Submit: limits first, then every file to its end."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from infra.database.engine import Database
from infra.database.models import Delivery, Image, ImageState, Lane, Outcome
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import ensure_topics
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage
from tests.dashboard.seeding import encoded, starfield
from tests.dashboard.test_reading import plans, whole_tables
from tests.fixtures.brokers import LocalBroker
from tests.producers.conftest import result


@pytest.fixture
def intake(configure: Callable[..., Settings], sqlite: Database, kafka: LocalBroker) -> Settings:
    """A system that takes pictures, with nobody there to double them."""
    current = configure(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
    with open_admin(current) as admin:
        ensure_topics(admin, current)
    return current


@pytest.fixture
def picture() -> bytes:
    """A small JPEG that no other test has."""
    return encoded(starfield(np.random.default_rng(), 40, 30), "JPEG")


def test_the_limits_are_shown_before(away: Settings, sqlite: Database, open_page: OpenPage) -> None:
    page = open_page("submit")
    assert "JPEG, PNG, GIF, WEBP, TIFF, BMP, AVIF, up to 120 megapixels" in page.caption[0].value


def test_a_file_that_is_no_picture_gets_one_line(intake: Settings, open_page: OpenPage) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("notes.txt", b"not a picture at all").run()
    assert "not taken] **notes.txt**: " in page.markdown[0].value
    assert "JPEG, PNG" in page.markdown[0].value
    assert not page.error
    assert not page.exception


def test_a_picture_is_followed_until_it_is_done(
    intake: Settings, sqlite: Database, open_page: OpenPage, picture: bytes
) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    assert "**moon.jpg**: on Kafka, waiting for a consumer" in _bar(page)
    (preview,) = page.image
    assert preview.value[0].endswith(f"/previews/{hashlib.sha256(picture).hexdigest()}")
    assert preview.captions == ["Bicubic"]

    place = _place(page)
    image_id = _take(sqlite, place, picture)
    page.run()
    assert "being doubled" in _bar(page)
    assert [link.label for link in page.page_link] == ["Where it is"]

    with sqlite.transaction() as session:
        image = session.get_one(Image, image_id)
        image.state, image.settled_at = ImageState.DONE, datetime.now(UTC)
        session.get_one(Delivery, place).outcome = Outcome.DONE
    page.run()
    assert "**moon.jpg**: done" in _bar(page)
    link = page.page_link[0]
    assert link.label == "Look at it"


def test_a_picture_that_dies_says_why(
    intake: Settings, sqlite: Database, open_page: OpenPage, picture: bytes
) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("torn.jpg", picture).run()
    image_id = _take(sqlite, _place(page), picture)
    with sqlite.transaction() as session:
        image = session.get_one(Image, image_id)
        image.state, image.settled_at = ImageState.DEAD, datetime.now(UTC)
        image.reason, image.detail = "undecodable", "image file is truncated"
        delivery = session.get_one(Delivery, _place(page))
        delivery.outcome, delivery.reason = Outcome.DEAD, "undecodable"
    page.run()
    assert r"dead] **torn.jpg**: undecodable\: image file is truncated" in page.markdown[0].value


def test_the_same_upload_is_handed_in_once(
    intake: Settings, sqlite: Database, open_page: OpenPage, picture: bytes
) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    place = _place(page)
    page.run()
    page.run()
    assert _place(page) == place


def test_what_was_doubled_before_is_said_and_doubled_again_when_asked(
    intake: Settings, sqlite: Database, open_page: OpenPage, picture: bytes
) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    image_id = _take(sqlite, _place(page), picture)
    with sqlite.transaction() as session:
        image = session.get_one(Image, image_id)
        image.state, image.settled_at = ImageState.DONE, datetime.now(UTC)
        image.results.append(result(datetime(2026, 11, 20, 12, tzinfo=UTC)))
        session.get_one(Delivery, _place(page)).outcome = Outcome.DUPLICATE
    page.run()
    assert "**moon.jpg**: already doubled on 2026-11-20 12:00 UTC" in _bar(page)

    page = open_page("submit")
    page.checkbox[0].check().run()
    page.file_uploader[0].upload("moon.jpg", picture).run()
    [progress] = page.session_state["handed_in"].values()
    assert progress.receipt.event_id.startswith(f"upload:{progress.receipt.sha256}:")


def test_visitors_share_the_quota_of_those_without_a_key(
    intake: Settings, configure: Callable[..., Settings], open_page: OpenPage, picture: bytes
) -> None:
    configure(
        KAFKA_BOOTSTRAP_SERVERS=intake.kafka_bootstrap_servers,
        VISITORS="submit",
        HTTP_ANONYMOUS_PER_DAY="1",
    )
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    assert "**moon.jpg**: on Kafka" in _bar(page)
    assert not page.error
    page = open_page("submit")
    page.file_uploader[0].upload("mars.jpg", picture).run()
    assert "1 pictures within 24 hours" in page.error[0].value
    assert page.session_state["handed_in"] == {}


def test_operators_have_no_quota(
    intake: Settings, configure: Callable[..., Settings], open_page: OpenPage, picture: bytes
) -> None:
    servers = intake.kafka_bootstrap_servers
    configure(KAFKA_BOOTSTRAP_SERVERS=servers, HTTP_ANONYMOUS_PER_DAY="0")
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    assert "**moon.jpg**: on Kafka" in _bar(page)


def test_many_files_are_followed_by_one_statement(
    intake: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    page = open_page("submit")
    random = np.random.default_rng()
    for number in range(3):
        content = encoded(starfield(random, 40, 30), "JPEG")
        page.file_uploader[0].upload(f"{number}.jpg", content)
        page.run()
    with plans() as seen:
        page.run()
    asked = [plan for plan in seen if "FROM deliveries" in plan[0]]
    assert len(asked) == 1
    assert not whole_tables(asked[0])
    assert len(page.progress) == 3


@pytest.mark.slow
def test_without_kafka_nothing_is_lost_and_trying_again_is_offered(
    away: Settings, sqlite: Database, open_page: OpenPage, picture: bytes
) -> None:
    page = open_page("submit")
    page.file_uploader[0].upload("moon.jpg", picture).run()
    assert "does not answer" in page.error[0].value
    assert page.button[0].label == "Try again"
    assert not page.exception


def _bar(page: AppTest) -> str:
    text: str = page.progress[0].proto.text
    return text


def _place(page: AppTest) -> tuple[str, int, int]:
    (progress,) = page.session_state["handed_in"].values()
    receipt = progress.receipt
    return receipt.topic, receipt.partition, receipt.offset


def _take(database: Database, place: tuple[str, int, int], content: bytes) -> int:
    """What a consumer writes when it begins with a record."""
    sha256 = hashlib.sha256(content).hexdigest()
    now = datetime.now(UTC)
    with database.transaction() as session:
        image = Image(
            source="doublet:uploads",
            event_id=f"upload:{sha256}",
            lane=Lane.UPLOAD,
            name="moon.jpg",
            sha256=sha256,
            state=ImageState.WORKING,
            attempts=1,
            received_at=now,
        )
        session.add(image)
        session.flush()
        topic, partition, offset = place
        session.add(
            Delivery(
                topic=topic,
                partition=partition,
                offset=offset,
                image_id=image.id,
                sent_at=now,
                received_at=now,
            )
        )
        return image.id
