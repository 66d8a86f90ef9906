"""The page Pictures: the list, one picture, and what became of those that are not done."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import select
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dashboard.words import pixels
from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.database.models import (
    DeadLetter,
    Delivery,
    Image,
    ImageState,
    Lane,
    LetterState,
    Outcome,
    Result,
)
from infra.model_choice import choose
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage, accept
from tests.dashboard.seeding import Seed, seed
from tests.fixtures.brokers import LocalBroker
from tests.fixtures.model_servers import RunningModelServer


def test_an_empty_list_leads_to_submitting(
    away: Settings, sqlite: Database, open_page: OpenPage
) -> None:
    page = open_page("pictures")
    assert page.info[0].value == "No picture has come yet."
    assert [link.label for link in page.page_link] == ["Submit the first one"]


def test_every_picture_has_a_card_with_its_state(seeded: Seed, open_page: OpenPage) -> None:
    page = open_page("pictures")
    assert "12 pictures" in _captions(page)
    assert _badges(page) >= {"done", "skipped", "dead", "working", "retrying"}
    assert "undecodable" in _captions(page)
    links = [link.label for link in page.page_link]
    assert links[0] == "The Veil Nebula"  # the newest
    assert len(links) == 12


def test_the_list_can_be_narrowed_by_state_lane_and_name(seeded: Seed, open_page: OpenPage) -> None:
    page = open_page("pictures")
    page.pills(key="state").set_value([ImageState.DEAD, ImageState.SKIPPED]).run()
    assert "2 pictures" in _captions(page)
    page.pills(key="lane").set_value("apod").run()
    assert page.info[0].value == "No picture passes this filter."
    page.pills(key="state").set_value([]).run()
    page.text_input(key="name").set_value("MOON").run()
    assert [link.label for link in page.page_link] == ["A Halo around the Moon"]


def test_the_list_is_of_a_day(seeded: Seed, open_page: OpenPage) -> None:
    today = datetime.now(UTC).date()
    listed = [
        len(open_page("pictures", day=day.isoformat()).page_link)
        for day in (today - timedelta(days=1), today, today + timedelta(days=1))
    ]
    assert sum(listed) == 12  # midnight may have passed since they came
    assert listed[2] == 0


def test_many_pictures_come_page_by_page(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        template = session.get_one(Image, seeded.pictures[ImageState.DEAD])
        for number in range(40):
            session.add(
                Image(
                    source="test",
                    event_id=str(number),
                    lane=template.lane,
                    name=f"number {number}",
                    state=ImageState.SKIPPED,
                    received_at=template.received_at,
                )
            )
    page = open_page("pictures")
    first = {link.label for link in page.page_link}
    page.session_state["page"] = 2
    page.run()
    second = {link.label for link in page.page_link}
    assert (len(first), len(second)) == (24, 24)
    assert not first & second


def test_a_done_picture_is_compared_measured_and_credited(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        image = session.get_one(Image, seeded.pictures[ImageState.DONE])
        image.credit, image.copyright = "Vera *Example*", "Vera Example"
        width, height = image.width or 0, image.height or 0
    page = open_page("pictures", picture=str(image.id))
    assert page.header[0].value == "The Veil Nebula"
    facts = _facts(page)
    assert facts["Size"] == pixels(width, height)
    assert facts["Model"] == "bicubic, version 1"
    assert facts["Model's commit"] == "8117874"
    assert facts["Tile plan"] == "1 tile of 256 × 256 pixels, halo 8"  # noqa: RUF001
    assert facts["SHA-256, original"].replace(" ", "") == image.sha256
    assert facts["Credit"] == r"Vera \*Example\*"  # shown letter by letter
    assert facts["Kafka record"] == r"doublet.uploads.v1, partition 1, offset 0"
    assert [metric.label for metric in page.metric] == [
        "Downscale consistency",
        "Mean spread",
        "Seam step",
    ]
    assert page.metric[0].value.endswith(" dB")
    assert page.get("vega_lite_chart")
    assert "queue " in _captions(page)
    frame = _compared(page)
    assert [before["label"] for before in frame["befores"]] == [
        f"Original, {pixels(width, height)}",
        "Bicubic",
    ]
    assert frame["after"]["factor"] == 1
    assert frame["spread"]["steps"] == 4
    urls = [link.proto.url for link in page.link_button]
    assert urls[0].endswith("/results/1")
    assert urls[1].endswith(f"/originals/{image.id}")


@pytest.mark.parametrize(("lane", "private"), [(Lane.APOD, True), (Lane.UPLOAD, False)])
def test_a_day_that_somebody_has_the_copyright_of_is_marked_private(
    seeded: Seed, sqlite: Database, open_page: OpenPage, lane: Lane, private: bool
) -> None:
    with sqlite.transaction() as session:
        image = session.get_one(Image, seeded.pictures[ImageState.DONE])
        image.lane, image.copyright = lane, "Vera Example"
        image.remark = "the day is video; this is its poster"
    page = open_page("pictures", picture=str(image.id))
    assert any(" private" in element.value for element in page.markdown) is private
    assert page.info[0].value == "the day is video; this is its poster"


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        (ImageState.DEAD, "error", "image file is truncated"),
        (ImageState.SKIPPED, "info", "a newer version of the event came first"),
        (ImageState.WORKING, "info", "It is being worked at (1 attempt so far; it came"),
        (ImageState.RETRYING, "warning", "out of memory (2 attempts so far)."),
    ],
)
def test_a_picture_that_is_not_done_says_why_and_how_often(
    seeded: Seed, open_page: OpenPage, state: ImageState, kind: str, says: str
) -> None:
    page = open_page("pictures", picture=str(seeded.pictures[state]))
    assert says in getattr(page, kind)[0].value
    assert "Kafka record" in _facts(page)
    assert not page.metric


@pytest.mark.parametrize("state", [ImageState.WORKING, ImageState.RETRYING, ImageState.SKIPPED])
def test_until_it_is_doubled_bicubic_stands_in(
    seeded: Seed, open_page: OpenPage, state: ImageState
) -> None:
    frame = _compared(open_page("pictures", picture=str(seeded.pictures[state])))
    assert [before["label"] for before in frame["befores"]] == ["Original, 640 × 480"] or (  # noqa: RUF001
        state is ImageState.SKIPPED
    )
    assert (frame["after"]["label"], frame["after"]["factor"]) == ("Bicubic", 2)
    assert "/bicubic/" in frame["after"]["enlarged"]
    assert frame["spread"] is None


def test_one_that_was_never_decoded_has_nothing_to_compare(
    seeded: Seed, open_page: OpenPage
) -> None:
    assert not open_page("pictures", picture=str(seeded.pictures[ImageState.DEAD])).get(
        "bidi_component"
    )


def test_without_a_spread_the_page_says_why_there_is_no_trust_view(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    with sqlite.transaction() as session:
        result = session.scalars(select(Result).order_by(Result.id)).first()
        assert result
        result.model, result.spread_sha256, result.mean_spread = "doublet-fast", None, None
        result.seam_step = None
    page = open_page("pictures", picture=str(result.image_id))
    assert _compared(page)["spread"] is None
    assert r"doublet\-fast, version 1 gave no spread" in _captions(page)
    assert [metric.value for metric in page.metric][1:] == ["not measured", "not measured"]


def test_a_result_of_each_model_can_be_looked_at_by_its_address(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    image_id = seeded.pictures[ImageState.DONE]
    with sqlite.transaction() as session:
        first = session.scalars(select(Result).where(Result.image_id == image_id)).one()
        columns = {column.name for column in Result.__table__.columns} - {"id", "model"}
        copy = {name: getattr(first, name) for name in columns}
        session.add(Result(**copy | {"sha256": "f" * 64}, model="doublet-fast"))
    page = open_page("pictures", picture=str(image_id))
    assert "f" * 64 in _compared(page)["after"]["tiles"]  # the newest
    assert _facts(page)["Model"] == r"doublet\-fast, version 1"
    page = open_page("pictures", picture=str(image_id), result=str(first.id))
    assert first.sha256 in _compared(page)["after"]["tiles"]


def test_with_the_model_server_away_doubling_again_says_so(
    seeded: Seed, open_page: OpenPage
) -> None:
    page = open_page("pictures", picture=str(seeded.pictures[ImageState.DONE]))
    assert "Which models there are is not known: nothing listens at" in _captions(page)
    assert not [button for button in page.button if (button.key or "").startswith("again-")]


def test_doubling_again_is_labelled_by_the_version_that_would_do_it(
    configure: Callable[..., Settings],
    sqlite: Database,
    canary_model_server: RunningModelServer,
    open_page: OpenPage,
) -> None:
    current = configure(MODEL_SERVER=canary_model_server.address)
    filled = seed(sqlite, open_blob_store(current), datetime.now(UTC))
    for chosen, label in ((None, "doublet, version 2"), (1, "doublet, version 1")):
        if chosen:
            choose(sqlite, "doublet", chosen)
            st.cache_data.clear()
        page = open_page("pictures", picture=str(filled.pictures[ImageState.DONE]))
        assert page.button(key="again-doublet").label == label


def test_a_dead_picture_can_be_tried_again_and_is_followed(
    seeded: Seed,
    sqlite: Database,
    open_page: OpenPage,
    configure: Callable[..., Settings],
    kafka: LocalBroker,
) -> None:
    accept(configure(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap), seeded)
    image_id = seeded.pictures[ImageState.DEAD]
    page = open_page("pictures", picture=str(image_id))
    _button(page, "Retry").click().run()
    assert "Handed in once more: queued." in [info.value for info in page.info]
    receipt = page.session_state["asked_again"][image_id]
    assert receipt.event_id.startswith("upload:")
    with sqlite.transaction() as session:
        letter = session.scalars(select(DeadLetter).where(DeadLetter.image_id == image_id)).one()
        assert letter.state is LetterState.REPLAYED
        session.get_one(Image, image_id).state = ImageState.WORKING
        session.add(
            Delivery(
                topic=receipt.topic, partition=receipt.partition, offset=receipt.offset,
                image_id=image_id, sent_at=datetime.now(UTC), received_at=datetime.now(UTC),
            )
        )  # fmt: skip
    page.run()
    assert "Handed in once more: dead." not in [info.value for info in page.info]
    with sqlite.transaction() as session:
        place = (receipt.topic, receipt.partition, receipt.offset)
        session.get_one(Delivery, place).outcome = Outcome.DEAD
        session.get_one(Image, image_id).state = ImageState.DEAD
    page.run()
    assert page.session_state["asked_again"] == {}
    said = r"Handed in once more: dead\: undecodable\: OSError\: image file is truncated."
    assert [warning.value for warning in page.warning] == [said]
    assert _facts(page)["Dead letter"] == "sent again"
    _button(page, "Dismiss").click().run()
    assert not page.warning


def test_what_was_never_stored_cannot_be_retried(
    seeded: Seed, sqlite: Database, open_page: OpenPage
) -> None:
    image_id = seeded.pictures[ImageState.DEAD]
    with sqlite.transaction() as session:
        session.get_one(Image, image_id).sha256 = None
    page = open_page("pictures", picture=str(image_id))
    assert "Its bytes were never stored" in _captions(page)
    assert [button.label for button in page.button] == ["All pictures"]


@pytest.mark.slow
def test_retrying_without_kafka_says_so(seeded: Seed, open_page: OpenPage) -> None:
    page = open_page("pictures", picture=str(seeded.pictures[ImageState.DEAD]))
    _button(page, "Retry").click().run()
    assert "does not answer" in page.error[0].value
    assert not page.exception


def test_a_dead_picture_says_in_which_stage_it_failed(seeded: Seed, open_page: OpenPage) -> None:
    facts = _facts(open_page("pictures", picture=str(seeded.pictures[ImageState.DEAD])))
    assert facts["Failed in"] == "stage decode"
    assert facts["Tried"] == "1 time"


@pytest.mark.parametrize("wanted", ["999", "nonsense", "9" * 40])
def test_an_address_of_no_picture_says_so(seeded: Seed, open_page: OpenPage, wanted: str) -> None:
    assert "There is no picture" in open_page("pictures", picture=wanted).info[0].value


def _captions(page: AppTest) -> str:
    return "\n".join(element.value for element in page.caption)


def _badges(page: AppTest) -> set[str]:
    return {
        state.value
        for state in ImageState
        if any(f" {state.value}" in element.value for element in page.markdown)
    }


def _button(page: AppTest, label: str) -> Button:
    (button,) = (button for button in page.button if button.label == label)
    return button


def _compared(page: AppTest) -> dict[str, Any]:
    """What the comparison was told."""
    (component,) = page.get("bidi_component")
    frame: dict[str, Any] = json.loads(component.proto.json)
    return frame


def _facts(page: AppTest) -> dict[str, str]:
    facts: dict[str, str] = {}
    for table in page.table:
        facts |= dict(zip(table.value.index, table.value.iloc[:, 0], strict=True))
    return facts
