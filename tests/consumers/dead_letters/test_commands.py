"""`doublet dead-letters`, as a person or a script calls it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from consumers.commands import commands
from consumers.dead_letters.terminal import BadSelection
from infra.database.models import LetterState
from infra.dead_letters.ledger import NoSuchLetter
from infra.dead_letters.letter import LetterGone
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import DEAD_LETTERS, UPLOADS
from infra.settings import settings
from tests.consumers.dead_letters.yard import Yard, picture
from tests.fixtures.brokers import BrokerFactory


@pytest.fixture
def yard(
    new_broker: BrokerFactory,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Yard]:
    """One letter of a refused picture, and two of bytes that are no picture."""
    broker = new_broker("embedded", tmp_path)
    broker.start()
    for name, value in Yard.environment(broker, tmp_path, database_url).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yard = Yard(broker, settings())
    yard.hand_in(1)
    yard.refuse(1)
    yard.consume()
    for text in (b"no picture", b"nor this"):
        # One key, one partition: they are consumed in this order.
        yard.events.send(UPLOADS, b"key", text, [("ce-like", b"\xff")])
    yard.consume()
    yield yard
    yard.close()
    broker.kill()
    settings.cache_clear()


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list_counts_by_reason(yard: Yard) -> None:
    result = yard.run("list")
    assert "3 dead letters: unsupported_format 2, model_refused 1" in result.stdout
    listed = document(yard.run("list", "--json", "--reason", "model_refused"))
    assert listed["counts"] == {"model_refused": 1}
    [letter] = listed["letters"]
    assert (letter["state"], letter["picture"]) == ("waiting", "unnamed")


def test_show_tells_why_and_saves_what_was_sent(yard: Yard, tmp_path: Path) -> None:
    [refused, no_picture, _] = yard.letters()
    facts = document(yard.run("show", refused.id, "--json", "--save", tmp_path / "saved"))
    assert (facts["reason"], facts["key"]) == ("model_refused", "key 1")
    assert (tmp_path / "saved").read_bytes() == picture(1)
    shown = yard.run("show", no_picture.id).stdout
    assert "no picture" in shown
    assert "0xff" in shown


def test_show_still_tells_why_when_the_bytes_are_gone(yard: Yard, tmp_path: Path) -> None:
    with open_admin(yard.settings) as admin:
        admin.delete_topics([DEAD_LETTERS])
    [refused, _, _] = yard.letters()
    assert "retention" in document(yard.run("show", refused.id, "--json"))["record"]
    result = yard.run("show", refused.id, "--save", tmp_path / "saved")
    assert isinstance(result.exception, LetterGone)


def test_a_dry_run_counts_and_sends_nothing(yard: Yard) -> None:
    result = yard.run("replay", "--dry-run", "--reason", "unsupported_format")
    assert result.stdout == "2 would be replayed: unsupported_format 2\n"
    assert set(yard.states()) == {LetterState.WAITING}
    assert yard.replayed() == []
    result = yard.run("discard", "--dry-run", "--all")
    assert result.stdout.startswith("3 would be discarded: ")
    assert set(yard.states()) == {LetterState.WAITING}


def test_replay_takes_those_of_a_reason(yard: Yard) -> None:
    result = yard.run("replay", "--reason", "model_refused", "--rate", 100)
    assert (result.exit_code, result.stdout) == (0, "1 replayed\n")
    yard.consume()
    assert yard.states() == [LetterState.REPLAYED, LetterState.WAITING, LetterState.WAITING]
    assert yard.books().done == 1


def test_replay_takes_those_that_are_named(yard: Yard) -> None:
    wanted = yard.letters()[2].id
    assert yard.run("replay", wanted).exit_code == 0
    assert yard.states() == [LetterState.WAITING, LetterState.WAITING, LetterState.REPLAYED]
    assert yard.run("replay", wanted).stdout == "nothing to replay\n"


def test_replay_says_what_it_could_not_send(yard: Yard) -> None:
    with open_admin(yard.settings) as admin:
        admin.delete_topics([DEAD_LETTERS])
    result = yard.run("replay", "--all")
    assert (result.exit_code, result.stdout) == (1, "3 gone from the dead-letter topic\n")


def test_what_is_discarded_is_neither_listed_nor_replayed(yard: Yard) -> None:
    assert yard.run("discard", "--reason", "unsupported_format").stdout == "2 discarded\n"
    assert "1 dead letters: model_refused 1" in yard.run("list").stdout
    assert yard.run("replay", "--all").stdout == "1 replayed\n"
    assert document(yard.run("list", "--json", "--state", "discarded"))["counts"] == {
        "unsupported_format": 2
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay"], "--all"),
        (["discard"], "--all"),
        (["replay", "--all", "1"], "neither"),
        (["replay", "--reason", "nonsense"], "model_refused"),
        (["list", "--state", "nonsense"], "quarantined"),
    ],
)
def test_a_wrong_selection_is_one_line(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(commands, ["dead-letters", *arguments])
    assert isinstance(result.exception, BadSelection)
    assert says in str(result.exception)


def test_a_number_that_there_is_not_is_one_line(yard: Yard) -> None:
    assert isinstance(yard.run("show", 999).exception, NoSuchLetter)
