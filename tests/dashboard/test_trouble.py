"""The page Trouble, in every state that it can be in."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from dashboard import connections
from dashboard.replaying import BROKE_OFF, Busy, Replayer
from infra.alerts import open_alerts
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import DeadLetter, LetterState
from infra.dead_letters.ledger import Ledger, Selection
from infra.dead_letters.replay import Replay
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage
from tests.dashboard.seeding import Seed
from tests.dashboard.troubles import bad_day


@pytest.fixture
def troubled(seeded: Seed, sqlite: Database) -> Database:
    """The seeded hour after a bad day."""
    bad_day(sqlite, datetime.now(UTC))
    return sqlite


def test_nothing_is_wrong_in_an_empty_system(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    assert "Nothing needs a person" in _markdown(page)
    assert page.info[0].value == "No dead letter is waiting."
    assert "No part was at fault." in _captions(page)


def test_without_tables_or_database_it_is_one_line(
    configure: Callable[..., Settings], away: Settings, open_page: OpenPage
) -> None:
    assert "doublet db upgrade" in open_page("trouble").info[0].value
    configure(DATABASE_URL="postgresql+psycopg://doublet@127.0.0.1:1/doublet")
    assert "the database does not answer" in open_page("trouble").error[0].value


def test_an_alert_is_acknowledged_and_then_told_of_as_over(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    assert "offsets 1 to 4 were deleted undelivered" in _markdown(page)
    page.button(key="acknowledge-2").click().run()
    assert "Nothing needs a person" in _markdown(page)
    with troubled.reading() as session:
        assert open_alerts(session) == []
    over = page.run().table[-1].value
    assert list(over["How it ended"]) == ["acknowledged after 2 h", "passed after 60 min"]


def test_letters_are_grouped_by_reason_with_a_glance_at_each(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    groups = [line.value for line in page.markdown if line.value.startswith("#### ")]
    assert groups == [
        "#### failed · 8",
        "#### unsupported format · 8",
        "#### model refused · 4",
        "#### undecodable · 1",
    ]
    links = [link.label for link in page.page_link]
    assert sum(label.startswith("frame") for label in links) == 6 + 6 + 4
    assert "Look at all" in links
    assert _markdown(page).count("no preview") == 6 + 1


def test_another_state_has_other_letters_and_other_buttons(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    page.segmented_control(key="letters").set_value(LetterState.QUARANTINED).run()
    assert "model refused · 4" in _markdown(page)
    assert _labels(page, "4") == ["Replay all 4", "Discard all 4"]
    page.segmented_control(key="letters").set_value(LetterState.REPLAYED).run()
    assert page.info[0].value == "No dead letter is replayed."


def test_an_address_names_the_state(troubled: Database, open_page: OpenPage) -> None:
    page = open_page("trouble", letters="quarantined")
    assert "model refused · 4" in _markdown(page)
    assert "There are 21 waiting, 4 quarantined" in _captions(page)


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    page.button(key="dry-failed").click().run()
    said = page.info[0].value
    assert "Dry run, nothing was sent" in said
    assert "would send 8 records again: 8 to doublet.uploads.v1" in said
    assert _states(troubled, "failed") == {LetterState.WAITING}


def test_one_reason_is_chosen_from_letter_by_letter(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble", reason="failed", letters="waiting")
    assert len(page.checkbox) == 8
    page.checkbox[0].check().run()
    page.checkbox[1].check().run()
    assert _labels(page, "chosen") == [
        "Replay 2 chosen",
        "Quarantine 2 chosen",
        "Discard 2 chosen",
    ]
    page.button(key="quarantine-failed").click().run()
    assert len(page.checkbox) == 6
    assert _states(troubled, "failed") == {LetterState.WAITING, LetterState.QUARANTINED}


def test_discarding_asks_once_more(troubled: Database, open_page: OpenPage) -> None:
    page = open_page("trouble")
    page.button(key="discard-undecodable").click().run()
    assert _states(troubled, "undecodable") == {LetterState.WAITING}
    _confirm(page, "discard", "undecodable")
    assert _states(troubled, "undecodable") == {LetterState.DISCARDED}
    assert "undecodable" not in _markdown(page)


def test_a_replay_while_kafka_is_away_is_interrupted_and_loses_nothing(
    troubled: Database, open_page: OpenPage
) -> None:
    page = open_page("trouble")
    page.button(key="replay-failed").click().run()
    _confirm(page, "replay", "failed")
    _await_end()
    page.run()
    assert "Kafka" in page.error[0].value
    assert "Replay again to go on" in page.error[0].value
    assert _states(troubled, "failed") == {LetterState.WAITING}
    page.button(key="forget-replay").click().run()
    assert not page.error


def test_a_replay_that_cannot_begin_says_so_in_its_dialog(
    troubled: Database, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise Busy("a replay is under way: wait for its end")

    page = open_page("trouble")
    page.button(key="replay-failed").click().run()
    monkeypatch.setattr(Replayer, "start", busy)
    _confirm(page, "replay", "failed")
    assert "a replay is under way" in page.error[0].value
    assert page.button(key="confirm-replay")  # the dialog is still there


def test_a_discard_without_the_database_says_so_in_its_dialog(
    troubled: Database, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> int:
        raise DatabaseUnavailable("the database does not answer")

    page = open_page("trouble")
    page.button(key="discard-failed").click().run()
    monkeypatch.setattr(Ledger, "discard", away)
    _confirm(page, "discard", "failed")
    assert "the database does not answer" in page.error[0].value
    assert page.button(key="confirm-discard")


def test_one_replay_at_a_time(
    troubled: Database, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not open_page("trouble").button(key="replay-failed").disabled
    monkeypatch.setattr(Replayer, "busy", True)
    assert open_page("trouble").button(key="replay-failed").disabled


def test_a_replay_that_ends_in_a_fault_of_ours_is_no_success(
    troubled: Database, away: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Iterator[Replay]:
        raise ZeroDivisionError

    monkeypatch.setattr("dashboard.replaying.open_replay", wrong)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # it goes to the log
    replayer = Replayer(away, troubled)
    replayer.start(Selection(frozenset({LetterState.WAITING})), 21)
    _await_end(replayer)
    assert replayer.progress is not None
    assert replayer.progress.trouble == BROKE_OFF


def test_letters_that_were_sent_again_are_not_discarded(
    troubled: Database, open_page: OpenPage
) -> None:
    with troubled.transaction() as session:
        letters = session.scalars(select(DeadLetter).where(DeadLetter.reason == "failed")).all()
        letters[0].state, letters[1].state = LetterState.REPLAYED, LetterState.REPLAYING
    for state, labels in (("replayed", []), ("replaying", ["Discard 1 chosen"])):
        page = open_page("trouble", reason="failed", letters=state)
        page.checkbox[0].check().run()
        assert _labels(page, "Discard") == labels


def test_a_visitor_reads_of_trouble_and_cannot_act(
    troubled: Database, configure: Callable[..., Settings], open_page: OpenPage
) -> None:
    configure(VISITORS="look")
    page = open_page("trouble")
    assert "To acknowledge, replay, quarantine or discard" in page.info[0].value
    assert "offsets 1 to 4 were deleted undelivered" in _markdown(page)
    assert not page.button
    page = open_page("trouble", reason="failed", letters="waiting")
    assert not page.checkbox
    assert [button.label for button in page.button] == ["All reasons"]


def test_faults_say_how_they_ended(troubled: Database, open_page: OpenPage) -> None:
    faults = open_page("trouble").table[0].value
    assert list(faults["Part"]) == [
        "consumer waited",
        "scheduler was silent",
        "consumer waited",
        "model server died",
    ]
    assert list(faults["How it ended"]) == [
        "lasts since 2 min",
        "was heard of again after 42 s",
        "went on by itself after 7.2 s",
        "ran again after 6.5 s",
    ]


def _confirm(page: AppTest, what: str, reason: str) -> None:
    """Press the button in the dialog: a browser runs the dialog alone then, AppTest the page."""
    page.button(key=f"{what}-{reason}").click()
    page.button(key=f"confirm-{what}").click().run()


def _await_end(replayer: Replayer | None = None) -> None:
    thread = (replayer or connections.replayer())._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()


def _states(database: Database, reason: str) -> set[LetterState]:
    with database.reading() as session:
        return set(session.scalars(select(DeadLetter.state).where(DeadLetter.reason == reason)))


def _labels(page: AppTest, part: str) -> list[str]:
    return [button.label for button in page.button if part in button.label]


def _markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def _captions(page: AppTest) -> str:
    return "\n".join(element.value for element in page.caption)
