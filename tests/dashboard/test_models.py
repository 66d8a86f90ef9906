"""The page Models: what the server has, which version doubles, and what is known of it."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image as Picture
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from dashboard import files, readings
from dashboard.probes import ModelServerAnswer
from dashboard.samples import BICUBIC, SIDE
from dashboard.versions import roles
from infra import model_choice
from infra.blobs import open_blob_store
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Image, ImageState
from infra.model_choice import choose, chosen_version
from infra.settings import Settings
from serving import contract
from serving.client import GrpcModelServer, VersionStatus
from serving.curves import Point, read_curves, write_curves
from serving.errors import ModelServerUnavailable
from serving.evaluation import BEGIN, END, Evaluation, read_evaluation
from serving.evaluation import BICUBIC as PLAIN
from tests.dashboard.conftest import OpenPage
from tests.dashboard.seeding import Seed, seed
from tests.fixtures.model_servers import RunningModelServer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def canary(
    configure: Callable[..., Settings], sqlite: Database, canary_model_server: RunningModelServer
) -> Settings:
    """A seeded system whose model server has versions 1 and 2."""
    current = configure(MODEL_SERVER=canary_model_server.address)
    seed(sqlite, open_blob_store(current), datetime.now(UTC))
    return current


def available(*versions: int) -> list[VersionStatus]:
    return [VersionStatus(version, "AVAILABLE", "", ()) for version in versions]


def test_the_newest_is_stable_until_one_is_chosen() -> None:
    now = roles(available(2, 1), None)
    assert (now.stable, now.chosen, now.canary, now.earlier) == (2, False, None, (1,))
    now = roles(available(3, 2, 1), 2)
    assert (now.stable, now.chosen, now.canary, now.earlier) == (2, True, 3, (1,))
    assert [now.of(version) for version in (1, 2, 3)] == ["", "stable", "canary"]


def test_a_chosen_version_that_is_gone_is_not_replaced_by_another() -> None:
    now = roles(available(2), 1)
    assert (now.stable, now.served, now.canary) == (1, False, 2)
    assert roles([], None).stable is None


def test_a_choice_is_kept_with_those_before_it(database: Database) -> None:
    assert chosen_version(database, "doublet") is None
    for version in (1, 2, 1):
        choose(database, "doublet", version, clock=lambda: NOON)
    choose(database, "doublet-fast", 7, clock=lambda: NOON)
    assert chosen_version(database, "doublet") == 1
    assert chosen_version(database, "doublet-fast") == 7


def test_the_page_without_model_server_and_pictures(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    page = open_page("models")
    assert "nothing listens at" in page.error[0].value
    assert "nothing to compare" in _captions(page)
    assert page.get("vega_lite_chart")  # what was measured is known all the same
    assert "over bicubic" in _captions(page)
    assert [metric.label for metric in page.metric][:2] == ["set5", "set14"]


def test_promoted_and_rolled_back(canary: Settings, sqlite: Database, open_page: OpenPage) -> None:
    page = open_page("models")
    assert list(page.table[0].value["Role"]) == ["stable", ""]
    choose(sqlite, "doublet", 1)
    page = page.run()
    assert list(page.table[0].value["Role"]) == ["canary", "stable"]
    _choose(page, "Promote version 2")
    assert chosen_version(sqlite, "doublet") == 2
    assert list(page.table[0].value["Role"]) == ["stable", ""]
    _choose(page, "Roll back to version 1")
    assert chosen_version(sqlite, "doublet") == 1
    assert "before: version 2 since" in _captions(page)


def test_a_choice_that_failed_is_said_in_its_dialog(
    canary: Settings, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("the database does not answer")

    monkeypatch.setattr(model_choice, "choose", away)
    page = open_page("models")
    _choose(page, "Roll back to version 1")
    assert "the database does not answer" in page.error[0].value
    assert page.button(key="confirm-version")  # the dialog is still there


def test_a_visitor_cannot_choose_a_version(
    canary: Settings, configure: Callable[..., Settings], sqlite: Database, open_page: OpenPage
) -> None:
    choose(sqlite, "doublet", 1)
    configure(VISITORS="look", MODEL_SERVER=canary.model_server_address)
    page = open_page("models")
    assert list(page.table[0].value["Role"]) == ["canary", "stable"]
    assert any("To promote a version or roll back" in info.value for info in page.info)
    assert not page.button


def test_a_chosen_version_that_is_not_loaded_is_said(
    canary: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    choose(sqlite, "doublet", 9)
    assert "Version 9 was chosen and is not loaded" in open_page("models").warning[0].value


def test_the_consumers_client_describes_the_chosen_version(canary: Settings) -> None:
    chosen: int | None = None
    server = GrpcModelServer(canary.model_server_address, chosen=lambda: chosen)
    assert server.describe().version == 2
    chosen = 1
    assert server.describe().version == 1
    chosen = 9
    with pytest.raises(ModelServerUnavailable, match="does not serve version 9"):
        server.describe()
    assert (server.device() or "").startswith(("CPU", "GPU"))
    server.close()


def test_the_same_middle_by_two_versions_and_by_bicubic(canary: Settings, sqlite: Database) -> None:
    with sqlite.reading() as session:
        done = session.query(Image).filter_by(state=ImageState.DONE).first()
    assert done is not None
    assert done.sha256 is not None
    client = TestClient(Starlette(routes=files.ROUTES))
    samples = []
    for version in (BICUBIC, 1, 2):
        answer = client.get(files.sample_address(done.sha256, version))
        assert answer.status_code == 200, answer.text
        samples.append(answer.content)
        side = min(SIDE, done.width or 0)
        assert Picture.open(io.BytesIO(answer.content)).width == contract.SCALE * side
    assert len(set(samples)) == 3
    assert client.get(files.sample_address(done.sha256, 9)).status_code == 502


def test_a_sample_while_the_model_server_is_away_is_one_line(
    seeded: Seed, sqlite: Database
) -> None:
    with sqlite.reading() as session:
        done = session.query(Image).filter_by(state=ImageState.DONE).first()
    assert done is not None
    client = TestClient(Starlette(routes=files.ROUTES))
    assert client.get(files.sample_address(done.sha256 or "", 1)).status_code in (502, 503)


def test_energy_a_picture_is_labelled_as_the_card_has_it(
    seeded: Seed,
    sqlite: Database,
    configure: Callable[..., Settings],
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = read_evaluation()
    version = _evaluated(card)
    choose(sqlite, "doublet", version)
    st.cache_data.clear()
    metrics = {metric.label: metric.value for metric in open_page("models").metric}
    cost = next(it for it in card.costs if it.subject == f"doublet/{version}")
    assert metrics[f"Energy a megapixel, {cost.energy}"] == f"{cost.joules:,.0f} J"
    assert f"Energy a picture, {cost.energy}" in metrics


def test_costs_and_scores_are_those_of_the_precision_in_use(
    seeded: Seed, sqlite: Database, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = read_evaluation()
    version = _evaluated(card)
    choose(sqlite, "doublet", version)
    answer = ModelServerAnswer(tuple(available(version)), device="CPU, 4 threads, bfloat16")
    monkeypatch.setattr(readings, "ask_model_server", lambda _: answer)
    st.cache_data.clear()
    page = open_page("models")
    metrics = {metric.label: metric.value for metric in page.metric}
    subject = f"doublet/{version}, bfloat16"
    cost = next(it for it in card.costs if it.subject == subject)
    score = next(it for it in card.scores if it.subject == subject)
    assert metrics[f"Energy a megapixel, {cost.energy}"] == f"{cost.joules:,.0f} J"
    assert metrics[score.pictures] == f"{score.psnr:.2f} dB"
    assert f"No curves ship with {subject}" not in _captions(page)


def test_the_shipped_card_is_read_as_it_was_written() -> None:
    card = read_evaluation()
    sets = {score.pictures for score in card.scores}
    assert {"set5", "set14", "kodak24"} <= sets
    assert {(it.pictures, PLAIN) for it in card.scores} <= {
        (it.pictures, it.subject) for it in card.scores
    }
    assert all(20 < it.psnr < 60 for it in card.scores)
    assert all(note.partition(":")[0] for note in card.notes)


def test_a_card_without_evaluation_tells_nothing(tmp_path: Path) -> None:
    assert read_evaluation(tmp_path / "none.md") == Evaluation()
    card = tmp_path / "card.md"
    card.write_text(f"# Card\n{BEGIN}\n{END}\n")
    assert read_evaluation(card) == Evaluation()


def test_curves_lie_beside_the_version(tmp_path: Path) -> None:
    points = [Point("start", 500, 31.25), Point("start", 1000, 32.5)]
    (tmp_path / "doublet" / "7").mkdir(parents=True)
    assert read_curves("doublet", 7, tmp_path) == []
    write_curves(points, tmp_path / "doublet" / "7")
    assert read_curves("doublet", 7, tmp_path) == points


def _evaluated(card: Evaluation) -> int:
    """The version of `doublet` that the card speaks of."""
    subject = next(it.subject for it in card.costs if it.subject.startswith("doublet/"))
    return int(subject.removeprefix("doublet/").partition(",")[0])


def _choose(page: AppTest, label: str) -> None:
    """Press a button and the one in its dialog, as `test_trouble._confirm` does."""
    _button(page, label).click().run()
    _button(page, label).click()
    page.button(key="confirm-version").click().run()


def _button(page: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(button for button in page.button if button.label == label)


def _captions(page: AppTest) -> str:
    return "\n".join(element.value for element in page.caption)
