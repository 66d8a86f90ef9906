"""The page Trouble in a real browser: letters are replayed by clicking, and arrive on Kafka."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import DeadLetter
from infra.dead_letters.letter import PREFIX, REPLAY_OF
from infra.eventlog.clients import KafkaEventLog, open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import DEAD_LETTERS, UPLOADS, ensure_topics
from infra.settings import Settings
from tests.browser.accessibility import serious_faults
from tests.browser.conftest import RunningDashboard
from tests.browser.pages import window
from tests.dashboard.seeding import seed
from tests.dashboard.troubles import bad_day
from tests.fixtures.blob_stores import blobs_at
from tests.fixtures.brokers import BrokerFactory, LocalBroker

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # generous: CI is loaded

LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
PICTURE = b"a picture that could not be doubled"


@pytest.fixture
def kafka(new_broker: BrokerFactory, tmp_path: Path) -> Iterator[LocalBroker]:
    """The embedded broker."""
    broker = new_broker("embedded", tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def troubled(kafka: LocalBroker, tmp_path: Path) -> Iterator[RunningDashboard]:
    """A dashboard after a bad day, with Kafka there and one dead letter on its topic."""
    database = Database(f"sqlite:///{tmp_path / 'doublet.sqlite'}")
    upgrade(database)
    now = datetime.now(UTC)
    seed(database, blobs_at((tmp_path / "blobs").as_uri()), now, side=64)
    bad_day(database, now, letters=2)
    _bury(Settings(_env_file=None, kafka_bootstrap_servers=kafka.bootstrap), database)
    database.close()
    running = RunningDashboard(tmp_path, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def _bury(settings: Settings, database: Database) -> None:
    """Put the record of the letter that is undecodable where the database says that it lies."""
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
    with database.transaction() as session:
        letter = session.query(DeadLetter).filter_by(reason="undecodable").one()
        notes = {
            "topic": letter.topic,
            "partition": str(letter.partition),
            "offset": str(letter.offset),
        }
        headers = [(PREFIX + name, text.encode()) for name, text in notes.items()]
        events = KafkaEventLog(settings)
        place = events.send(DEAD_LETTERS, None, PICTURE, headers)
        letter.letter_partition, letter.letter_offset = place
        letter.topic = UPLOADS
        events.close()


def test_a_letter_is_replayed_by_two_clicks_and_lies_on_its_topic_again(
    browser: Browser, troubled: RunningDashboard, kafka: LocalBroker
) -> None:
    with window(browser, troubled.address, 1440, "light") as view:
        view.open("/trouble?reason=undecodable&letters=waiting")
        view.page.get_by_role("button", name="Dry run").click()
        expect(view.page.get_by_text("A replay would send 1 record again")).to_be_visible()
        view.page.get_by_role("button", name="Replay all 1").click()
        dialog = view.page.get_by_role("dialog")
        expect(dialog).to_contain_text("A replay would send 1 record again")
        dialog.get_by_role("button", name="Replay 1").click()
        expect(view.page.get_by_text("1 record sent again.")).to_be_visible()
        expect(view.page.get_by_text("1 replayed")).to_be_visible()
        view.require_sound()
    settings = Settings(_env_file=None, kafka_bootstrap_servers=kafka.bootstrap)
    with LogReader(settings) as reader:
        [sent] = reader.since(UPLOADS, {})
    assert sent.value == PICTURE
    assert REPLAY_OF in dict(sent.headers)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_trouble_and_models_are_sound(
    browser: Browser, dashboard: RunningDashboard, width: int, scheme: str
) -> None:
    with window(browser, dashboard.address, width, scheme) as view:
        for path, text in (
            ("/trouble", "undecodable"),
            ("/trouble?letters=discarded", "No dead letter is discarded."),
            ("/models", "How good"),
        ):
            view.open(path)
            expect(view.page.get_by_text(text).first).to_be_visible()
            assert view.fits(), path
            assert serious_faults(view.page) == [], path
        view.require_sound()
