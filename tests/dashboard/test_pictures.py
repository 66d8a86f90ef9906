"""The page Pictures: the list, one picture, and what became of those that are not done."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.words import pixels
from infra.database.engine import Database
from infra.database.models import Image, ImageState, Lane
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage
from tests.dashboard.seeding import Seed


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
    assert facts["Size"] == f"{pixels(width, height)} → {pixels(2 * width, 2 * height)}"
    assert facts["Model"] == "bicubic, version 1"
    assert facts["Credit"] == r"Vera \*Example\*"  # shown letter by letter
    assert facts["Kafka record"] == r"doublet.uploads.v1, partition 1, offset 0"
    assert page.get("bidi_component")
    assert page.get("vega_lite_chart")
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
        (ImageState.WORKING, "info", "It is being worked at (1 attempt so far)."),
        (ImageState.RETRYING, "warning", "out of memory (2 attempts so far)."),
    ],
)
def test_a_picture_that_is_not_done_says_why_and_how_often(
    seeded: Seed, open_page: OpenPage, state: ImageState, kind: str, says: str
) -> None:
    page = open_page("pictures", picture=str(seeded.pictures[state]))
    assert says in getattr(page, kind)[0].value
    assert not page.get("bidi_component")
    assert "Kafka record" in _facts(page)


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


def _facts(page: AppTest) -> dict[str, str]:
    facts: dict[str, str] = {}
    for table in page.table:
        facts |= dict(zip(table.value.index, table.value.iloc[:, 0], strict=True))
    return facts
