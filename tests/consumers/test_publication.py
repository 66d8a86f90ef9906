"""What is told of a picture that somebody has the copyright of: how it ended, not where it lies."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from infra.database.models import Image, Lane, Result
from infra.eventlog.record import Record
from infra.eventlog.topics import RESULTS
from infra.events.pictures import ClaimCheck, apod_event
from infra.publication import PublicationPolicy
from tests.consumers.world import NOON, World, png

DAY = date(2026, 10, 2)


def _apod(world: World, **said: str | None) -> Record:
    content = png()
    claim = ClaimCheck(world.blobs.put(content), len(content), "image/png")
    event = apod_event(DAY, {"title": "A Sky", **said}, claim, NOON)
    return world.record(event.data, event.headers())


def _told(world: World) -> dict[str, Any]:
    [(_, value, _)] = world.events.on(RESULTS)
    told: dict[str, Any] = json.loads(value or b"")
    return told


def _publish_copyrighted(world: World) -> None:
    policies = replace(world.pipeline.policies, publication=PublicationPolicy(copyrighted=True))
    world.pipeline = replace(world.pipeline, policies=policies)


def test_a_copyrighted_day_is_doubled_and_kept_private(world: World) -> None:
    world.settle(_apod(world, credit="Some One", copyright="Some One"))
    told = _told(world)
    assert (told["outcome"], told["private"], told["result"]) == ("done", True, None)
    assert (told["credit"], told["copyright"]) == ("Some One", "Some One")
    assert world.one(Result).sha256  # it is there, in the house
    assert world.one(Image).copyright == "Some One"


def test_the_public_domain_is_published(world: World) -> None:
    world.settle(_apod(world, credit="NASA", copyright=None))
    told = _told(world)
    assert (told["private"], told["result"]["sha256"]) == (False, world.one(Result).sha256)


def test_an_operator_who_may_publishes_all(world: World) -> None:
    _publish_copyrighted(world)
    world.settle(_apod(world, copyright="Some One"))
    assert _told(world)["result"]["sha256"] == world.one(Result).sha256


@pytest.mark.parametrize("lane", list(Lane))
def test_whoever_hands_a_picture_in_answers_for_its_rights(lane: Lane) -> None:
    assert PublicationPolicy().is_private(lane, "Some One") is (lane is Lane.APOD)


def test_what_stands_in_for_a_day_is_said_with_its_result(world: World) -> None:
    world.settle(_apod(world, standIn="poster", remark="the day is video; this is its poster"))
    assert world.one(Image).remark == "the day is video; this is its poster"
    assert _told(world)["remark"] == "the day is video; this is its poster"
