"""The commands, as a person or a script calls them."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.blobs import BlobStoreUnavailable
from infra.clock import utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Image, ImageState, Lane
from infra.errors import DoubletError
from infra.eventlog.clients import EventLogUnavailable
from infra.settings import Settings
from producers.apod.days import newest_day
from producers.backfiller import open_backfill
from producers.commands import commands
from producers.following import FollowTimeout
from tests.fixtures.apod_servers import ApodServer, Recorded, v2_entry
from tests.fixtures.brokers import LocalBroker
from tests.producers.conftest import Configure, picture

PAGE = "http://127.0.0.1:8501/pictures?picture="
DAY = date(2026, 10, 2)

Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    runner = CliRunner()

    def call(*arguments: object, input: bytes | None = None) -> Result:
        return runner.invoke(commands, [str(argument) for argument in arguments], input=input)

    return call


@pytest.fixture
def moon(tmp_path: Path) -> Path:
    path = tmp_path / "moon.png"
    path.write_bytes(picture(shade=hash(tmp_path) % 256))
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    return path


def _objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def _trouble(result: Result) -> str:
    """The one line that `doublet` prints of an error."""
    assert isinstance(result.exception, DoubletError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_submit_follows_a_picture_to_its_end(call: Call, running: Settings, moon: Path) -> None:
    result = call("submit", moon)
    assert result.exit_code == 0
    assert result.stdout.startswith("moon.png: done, 80 x 60 px in")
    assert PAGE in result.stdout


def test_a_bad_file_keeps_no_good_one_back(
    call: Call, running: Settings, moon: Path, notes: Path, tmp_path: Path
) -> None:
    result = call("submit", notes, moon, tmp_path / "nowhere.png")
    assert result.exit_code == 1
    assert "moon.png: done" in result.stdout
    assert f"{notes}: not a readable picture" in result.stderr
    assert "nowhere.png: there is no such file" in result.stderr


def test_a_picture_that_could_not_be_doubled_is_exit_code_1(
    call: Call, running: Settings, moon: Path
) -> None:
    dead = moon.rename(moon.with_name("dead.png"))
    result = call("submit", dead)
    assert result.exit_code == 1
    assert result.stdout.startswith("dead.png: dead: undecodable")


def test_scripts_get_one_object_a_picture(
    call: Call, running: Settings, moon: Path, notes: Path
) -> None:
    refused, done = _objects(call("submit", "--json", notes, moon))
    assert (refused["name"], refused["state"]) == (str(notes), "refused")
    assert (done["name"], done["state"], done["doubled"]["width"]) == ("moon.png", "done", 80)
    assert done["page"] == f"{PAGE}{done['image_id']}"


def test_folders_globs_and_standard_input_are_one_batch(
    call: Call, running: Settings, tmp_path: Path
) -> None:
    for number, name in enumerate(("sky/m31.png", "sky/deep/m51.png", "one.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(shade=number))
    piped = picture(width=41)
    told = _objects(
        call("submit", "--json", tmp_path / "sky", tmp_path / "*.png", "-", input=piped)
    )
    assert {it["name"] for it in told} == {"m31.png", "m51.png", "one.png", "stdin"}
    assert {it["state"] for it in told} == {"done"}


def test_an_address_that_may_not_be_fetched_is_a_line_of_its_own(
    call: Call, running: Settings, moon: Path
) -> None:
    result = call("submit", "https://localhost/moon.png", "http://example.org/x", moon)
    assert result.exit_code == 1
    refused = result.stderr.splitlines()
    assert refused[0].endswith("not fetched: localhost is not a public address")
    assert refused[1].endswith("is not an https address")
    assert "moon.png: done" in result.stdout


def test_results_are_written_into_a_folder(
    call: Call, running: Settings, moon: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = call("submit", moon, "--out", out)
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith(str(out / "moon-doubled.png"))
    assert (out / "moon-doubled.png").read_bytes() == b"moon.png, doubled"


def test_a_folder_that_takes_no_results_is_said_before_anything_is_sent(
    call: Call, running: Settings, moon: Path
) -> None:
    assert "cannot be written to" in _trouble(call("submit", moon, "--out", moon / "out"))
    assert call("submit", moon, "--out", "out", "--no-wait").exit_code == 2


def test_what_was_doubled_before_is_said_and_doubled_again_when_asked(
    call: Call, running: Settings, moon: Path
) -> None:
    (first,) = _objects(call("submit", "--json", moon))
    before = call("submit", moon)
    assert before.exit_code == 0
    assert before.stdout.startswith("moon.png: already doubled on ")
    assert "--again doubles it once more" in before.stdout
    (again,) = _objects(call("submit", "--json", "--again", moon))
    assert (again["state"], again["sha256"]) == ("done", first["sha256"])
    assert again["image_id"] != first["image_id"]


def test_nobody_need_wait(
    call: Call, kafka: LocalBroker, configure: Configure, moon: Path, notes: Path
) -> None:
    configure(kafka_bootstrap_servers=kafka.bootstrap)
    result = call("submit", "--no-wait", moon)
    assert result.exit_code == 0
    assert result.stdout.startswith("moon.png: sent as upload:")
    again = call("submit", "--no-wait", "--json", moon, notes)
    assert again.exit_code == 1
    assert [told["state"] for told in _objects(again)] == ["refused", "sent"]


def test_waiting_ends_when_asked(
    call: Call, kafka: LocalBroker, sqlite: Database, configure: Configure, moon: Path
) -> None:
    configure(kafka_bootstrap_servers=kafka.bootstrap)
    result = call("submit", "--timeout", 0, moon)
    assert result.exit_code == 1
    assert isinstance(result.exception, FollowTimeout)


def test_kafka_being_away_is_one_line(
    call: Call, sqlite: Database, configure: Configure, moon: Path
) -> None:
    configure(kafka_bootstrap_servers="127.0.0.1:1")
    result = call("submit", moon)
    assert result.exit_code == 1
    assert isinstance(result.exception, EventLogUnavailable)
    assert "127.0.0.1:1" in _trouble(result)


def test_the_database_or_the_blob_store_being_away_is_said_before_anything_is_sent(
    call: Call, configure: Configure, moon: Path, tmp_path: Path
) -> None:
    configure()
    result = call("submit", moon)  # the database has no tables
    assert isinstance(result.exception, DatabaseUnavailable)
    configure(blob_store="file:///proc/nowhere")
    result = call("submit", "--no-wait", moon)
    assert isinstance(result.exception, BlobStoreUnavailable)
    assert _trouble(result)


def test_fetch_sends_a_day_once(call: Call, running: Settings, apod_server: ApodServer) -> None:
    apod_server.v2(DAY, v2_entry(apod_server, DAY))
    apod_server.put(f"/dynamicimage/{DAY}.png", Recorded(picture()))
    result = call("apod", "fetch", DAY)
    assert result.exit_code == 0
    assert result.stdout.startswith("2026-10-02: sent: A Made-up Sky of October by Some One & Co.")
    asked = len(apod_server.requests)
    again = call("apod", "fetch", DAY)
    assert again.exit_code == 0
    assert "was sent on" in again.stdout
    assert len(apod_server.requests) == asked
    (told,) = _objects(call("apod", "fetch", "--json", DAY))
    assert (told["day"], told["state"], told["event_id"]) == (
        "2026-10-02",
        "published",
        "apod:2026-10-02",
    )


def test_fetch_says_what_a_day_was_that_is_no_picture(
    call: Call, running: Settings, apod_server: ApodServer
) -> None:
    apod_server.v2(DAY, v2_entry(apod_server, DAY, media_type="video"))
    result = call("apod", "fetch", DAY)
    assert result.exit_code == 0
    assert "skipped: A Made-up Sky of October: no picture: the day is video" in result.stdout


def test_fetch_leaves_a_day_waiting_where_nasa_is_away(
    call: Call, running: Settings, apod_server: ApodServer
) -> None:
    apod_server.v2(DAY, Recorded(b"busy", 503, "text/plain"))
    result = call("apod", "fetch", DAY)
    assert result.exit_code == 1
    assert result.stdout.startswith("2026-10-02: waiting: the APOD service answers 503")
    (told,) = _objects(call("apod", "fetch", "--json", DAY))
    assert (told["state"], told["title"]) == ("waiting", None)


@pytest.fixture
def past(apod_server: ApodServer) -> list[date]:
    """Three days of a leap year: a picture, a video, a picture."""
    first, second, third = date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)
    apod_server.v2(first, v2_entry(apod_server, first))
    apod_server.put(f"/dynamicimage/{first}.png", Recorded(picture()))
    apod_server.v2(second, v2_entry(apod_server, second, media_type="video"))
    apod_server.v2(third, v2_entry(apod_server, third))
    apod_server.put(f"/dynamicimage/{third}.png", Recorded(picture()))
    return [first, second, third]


def test_a_backfill_tells_what_it_found_and_goes_on_where_it_stood(
    call: Call, running: Settings, past: list[date], apod_server: ApodServer
) -> None:
    result = call("apod", "backfill", "--from", past[0], "--to", past[1])
    assert result.exit_code == 0
    first, *_, last = result.stdout.splitlines()
    assert first == "2 days from 2024-02-28 to 2024-02-29: 2 to ask for, 0 known before."
    assert "2 of 2 days: 1 sent, 1 without a picture, 0 given up; 2 requests; done" in last
    again = call("apod", "backfill", "--from", past[0], "--to", past[2])
    assert "3 days from 2024-02-28 to 2024-03-01: 1 to ask for, 2 known before." in again.stdout
    assert "3 of 3 days: 2 sent" in again.stdout


def test_a_backfill_is_paused_and_resumed_by_command(
    call: Call, sqlite: Database, configure: Configure
) -> None:
    settings = configure()
    assert "No backfill was asked for" in call("apod", "pause").stdout
    open_backfill(settings, sqlite).ask_for(date(2024, 2, 28), date(2024, 3, 1))
    assert "0 of 3 days" in call("apod", "status").stdout
    assert "; paused since 20" in call("apod", "status").stdout
    (told,) = _objects(call("apod", "status", "--json"))
    assert told["backfill"]["paused_at"] is not None
    assert "; just begun" in call("apod", "resume").stdout


def test_the_status_says_what_every_day_was_and_why(
    call: Call, running: Settings, past: list[date]
) -> None:
    assert "No backfill was asked for" in call("apod", "status").stdout
    for day in past:
        call("apod", "fetch", day)
    lines = call("apod", "status").stdout.splitlines()
    assert lines[0].startswith("2024-03-01  published  A Made-up Sky of March")
    assert "2024-02-29  skipped    A Made-up Sky of February: no picture: the day is" in lines[1]
    (told,) = _objects(call("apod", "status", "--json"))
    assert told["days"][1]["permalink"].startswith("http")
    assert told["days"][1]["media_type"] == "video"


def test_a_stretch_the_wrong_way_round_is_one_line(call: Call, configure: Configure) -> None:
    configure()
    assert "--from 2024-03-01 comes after --to 2024-02-28" in _trouble(
        call("apod", "backfill", "--from", "2024-03-01", "--to", "2024-02-28")
    )


@pytest.mark.parametrize("day", ["2999-01-01", "1995-06-15", "1995-06-18", "someday"])
def test_days_that_cannot_be_are_one_line(call: Call, configure: Configure, day: str) -> None:
    configure()
    assert day in _trouble(call("apod", "fetch", day))


def test_the_first_picture_is_the_newest_apod(
    call: Call, running: Settings, apod_server: ApodServer
) -> None:
    today = newest_day(utc_now())
    yesterday = today - timedelta(days=1)
    apod_server.v2(today, v2_entry(apod_server, today, media_type="video"))
    apod_server.v2(yesterday, v2_entry(apod_server, yesterday))
    apod_server.put(f"/dynamicimage/{yesterday}.png", Recorded(picture()))
    result = call("first-picture")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith(f"Doubling the Astronomy Picture of {yesterday}: A Made-up Sky")
    assert "done, 80 x 60 px" in second


def test_without_nasa_the_first_picture_is_hubbles(
    call: Call, running: Settings, apod_server: ApodServer
) -> None:
    today = newest_day(utc_now())
    apod_server.v2(today, Recorded(b"", 503))
    result = call("first-picture")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert f"{today} stays waiting (the APOD service answers 503" in first
    assert second.startswith("Hubble Deep Field (NASA/ESA, public domain): done")


def test_there_is_one_first_picture(call: Call, sqlite: Database, configure: Configure) -> None:
    configure()
    with sqlite.transaction() as session:
        session.add(
            Image(
                source="s",
                event_id="e",
                lane=Lane.UPLOAD,
                name="n",
                state=ImageState.DONE,
                received_at=utc_now(),
            )
        )
    result = call("first-picture")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


@pytest.mark.parametrize("command", [["submit"], ["apod"], ["apod", "fetch"], ["apod", "backfill"]])
def test_help_explains_and_shows(call: Call, command: list[str]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout or "fetch" in result.stdout
