"""The examples of docs/submit-from-anywhere.md, cut out of the page and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker.apache import jars, node
from infra.broker.claim import BrokerCannotStart
from infra.eventlog.clients import open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import RESULTS, UPLOADS, ensure_topics, topics
from infra.events.pictures import Submission, read_submission
from infra.settings import Settings
from tests.clients.npm import modules
from tests.fixtures.brokers import LocalBroker
from tests.producers.conftest import picture

PAGE = (Path(__file__).parents[2] / "docs" / "submit-from-anywhere.md").read_text()
DOCUMENTED = "127.0.0.1:9092"
PICTURE = picture(form="JPEG")


def example(language: str, having: str) -> str:
    """The page's only example in this language that has this in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    [found] = [block for block in blocks if having in block]
    return str(found)


class Place:
    """A folder with moon.jpg in it, beside a broker whose uploads are looked at."""

    def __init__(self, folder: Path, broker: LocalBroker) -> None:
        self.folder = folder
        self.settings = Settings(kafka_bootstrap_servers=broker.bootstrap, _env_file=None)
        with open_admin(self.settings) as admin:
            ensure_topics(admin, self.settings)
        with LogReader(self.settings) as reader:
            self._before = reader.ends(UPLOADS)
        (folder / "moon.jpg").write_bytes(PICTURE)

    def run(self, *command: str, **environment: str) -> str:
        """Run a command, with the page's broker in its text replaced by ours."""
        done = subprocess.run(
            [self.here(it) for it in command],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def here(self, text: str) -> str:
        return text.replace(DOCUMENTED, self.settings.kafka_bootstrap_servers)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(self.here(text))
        return name

    def taken(self) -> Submission:
        """What a consumer makes of the only record that came."""
        with LogReader(self.settings) as reader:
            [record] = reader.since(UPLOADS, self._before)
        return read_submission(record.headers, record.value)


@pytest.fixture
def place(broker: LocalBroker, tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, broker)
    yield place
    with open_admin(place.settings) as admin:  # other tests use this broker as well
        admin.delete_topics([topic.name for topic in topics(place.settings)])


@pytest.fixture
def kcat() -> None:
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed (Debian: apt install kcat)")


def require(submission: Submission, source: str, event_id: str) -> None:
    assert submission.content == PICTURE
    assert (submission.source, submission.event_id) == (source, event_id)
    assert submission.name == "moon.jpg"


@pytest.mark.kcat
@pytest.mark.usefixtures("kcat")
def test_kcat_with_the_bytes_alone(place: Place) -> None:
    place.run("sh", "-c", example("sh", "-P moon.jpg"))
    taken = place.taken()
    assert (taken.content, taken.source, taken.name) == (PICTURE, "doublet:uploads", "unnamed")


@pytest.mark.kcat
@pytest.mark.usefixtures("kcat")
def test_kcat_with_a_name(place: Place) -> None:
    place.run("sh", "-c", example("sh", "ce_subject"))
    require(place.taken(), "telescope", "night-1")


@pytest.mark.kcat
@pytest.mark.usefixtures("kcat")
def test_kcat_reads_how_pictures_ended(place: Place) -> None:
    ended = {"id": "night-1", "outcome": "done"}
    place.write("ended.json", json.dumps(ended))
    place.run("kcat", "-b", DOCUMENTED, "-t", RESULTS, "-P", "ended.json")
    said = place.run("sh", "-c", example("sh", "-C -o beginning"))
    assert json.loads(said.splitlines()[-1]) == ended


def test_python(place: Place) -> None:
    place.run(sys.executable, place.write("submit.py", example("python", "")), "moon.jpg")
    require(place.taken(), "python", "moon.jpg")


@pytest.mark.apache
def test_java(place: Place, request: pytest.FixtureRequest) -> None:
    try:
        node.require_java()
        folder = jars.fetch(request.config.cache.mkdir("apache-kafka-jars"))
    except BrokerCannotStart as error:
        pytest.skip(str(error))
    place.write("Submit.java", example("java", ""))
    if shutil.which("javac") is None:
        pytest.skip("javac is not installed (Debian: apt install openjdk-17-jdk-headless)")
    place.run("java", "-cp", f"{folder}/*", "Submit.java", "moon.jpg")
    require(place.taken(), "java", "moon.jpg")


@pytest.mark.npm
def test_node(place: Place, request: pytest.FixtureRequest) -> None:
    folder = modules(request.config.cache.mkdir("npm"))
    place.write("submit.js", example("javascript", ""))
    place.run("node", "submit.js", "moon.jpg", NODE_PATH=str(folder))
    require(place.taken(), "node", "moon.jpg")
