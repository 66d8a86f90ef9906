"""What an outage, a fault or another consumer changes on a record's way, and what it does not."""

import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from consumers.bookkeeping import AnotherKafka
from consumers.breaker import Breaker
from consumers.halt import Halt, HandedBack
from consumers.pipeline import (
    Journey,
    ModelSick,
    ModelUnfit,
)
from consumers.scratch import NoScratchSpace
from consumers.status import Status
from infra.blobs import Blob
from infra.database.models import (
    DeadLetter,
    Delivery,
    Image,
    ImageState,
    Outcome,
    PartState,
    Result,
)
from infra.eventlog.clients import EventLogUnavailable
from infra.eventlog.headers import HeaderName
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS, RESULTS
from infra.events.reasons import Reason
from infra.parts import Condition
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerSlow,
    ModelServerUnavailable,
    VersionGone,
)
from tests.consumers.world import NOON, EndOfProcess, World, png

CALLS = 9
"""Three attempts at a picture of one tile: its batch, and twice the tile alone."""


def test_a_model_that_always_misbehaves_ends_in_a_dead_letter(world: World) -> None:
    world.model.failures.extend(ModelMisbehaved("a wrong shape") for _ in range(CALLS))
    world.settle(world.claim(png()))
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DEAD, Reason.FAILED, 3)
    assert world.one(DeadLetter).attempts == 3


def test_a_model_that_fails_at_everything_is_waited_for_and_no_picture_is_blamed(
    world: World,
) -> None:
    world.model.failures.extend(ModelMisbehaved("a wrong shape") for _ in range(CALLS + 1))
    journey = Journey(world.pipeline, world.claim(png()))
    with pytest.raises(ModelSick, match="plain grey"):
        journey.run()
    assert world.outcomes() == [None]
    assert world.all(DeadLetter) == []
    journey.run()
    assert world.outcomes() == [Outcome.DONE]


def test_a_refusal_is_final(world: World) -> None:
    world.model.failures.append(ModelRefused("tensor parsing error"))
    world.settle(world.claim(png()))
    assert world.one(Image).reason == Reason.MODEL_REFUSED


def test_a_model_that_refuses_everything_is_waited_for_and_no_picture_is_blamed(
    world: World,
) -> None:
    world.model.failures.extend(ModelRefused("tensor parsing error") for _ in range(2))
    journey = Journey(world.pipeline, world.claim(png()))
    with pytest.raises(ModelSick, match="plain grey"):
        journey.run()
    assert world.outcomes() == [None]
    assert world.one(Delivery).attempts == 0
    journey.run()
    assert world.outcomes() == [Outcome.DONE]


def test_a_version_that_goes_away_costs_nothing(world: World) -> None:
    world.model.failures.append(VersionGone("2 took over"))
    world.settle(world.claim(png()))
    assert world.one(Image).attempts == 1
    assert world.outcomes() == [Outcome.DONE]


def test_an_outage_of_the_model_consumes_no_attempt(world: World) -> None:
    world.model.failures.extend(ModelServerUnavailable("away") for _ in range(5))
    journey = Journey(world.pipeline, world.claim(png()))
    for _ in range(5):
        with pytest.raises(ModelServerUnavailable):
            journey.run()
        assert world.one(Delivery).attempts == world.one(Image).attempts == 0
        assert world.outcomes() == [None]
    journey.run()
    assert world.one(Image).attempts == 1
    assert world.outcomes() == [Outcome.DONE]


def test_dead_letters_that_cannot_be_written_are_not_dropped(world: World) -> None:
    world.events.away = True
    journey = Journey(world.pipeline, world.record(b"not a picture"))
    with pytest.raises(EventLogUnavailable):
        journey.run()
    assert world.outcomes() == [None]
    assert world.all(DeadLetter) == []
    world.events.away = False
    journey.run()
    assert len(world.events.on(DEAD_LETTERS)) == 1
    assert world.outcomes() == [Outcome.DEAD]


def test_a_picture_that_ends_the_process_each_time_is_put_aside(world: World) -> None:
    record = world.claim(png())
    for _ in range(3):
        world.model.failures.append(EndOfProcess())
        with pytest.raises(EndOfProcess):
            world.settle(record)
    calls = len(world.model.calls)
    world.settle(record)
    assert len(world.model.calls) == calls
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DEAD, Reason.CRASH_LOOP, 3)


def test_a_dead_picture_that_is_handed_in_again_counts_anew(world: World) -> None:
    world.model.failures.extend(ModelMisbehaved("a wrong shape") for _ in range(9))
    world.settle(world.claim(png()))
    world.settle(world.claim(png()))
    image = world.one(Image)
    assert (image.state, image.reason, image.attempts) == (ImageState.DONE, None, 1)
    assert world.outcomes() == [Outcome.DEAD, Outcome.DONE]


def test_a_record_that_ends_the_process_before_it_is_a_picture_is_put_aside(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise EndOfProcess

    record = world.claim(png())
    monkeypatch.setattr("consumers.pipeline.read_submission", crash)
    for _ in range(3):
        with pytest.raises(EndOfProcess):
            world.settle(record)
    world.settle(record)
    assert world.one(DeadLetter).reason == Reason.CRASH_LOOP


def test_a_bad_repetition_does_not_take_a_result_away(world: World) -> None:
    world.settle(world.claim(png()))
    world.settle(world.claim(png(), length=7))
    assert world.outcomes() == [Outcome.DONE, Outcome.DEAD]
    assert world.one(Image).state is ImageState.DONE


def test_another_kafka_is_noticed_and_nothing_is_taken_for_settled(world: World) -> None:
    record = world.claim(png())
    world.settle(record)
    stranger = replace(world.claim(png(30, 30)), offset=record.offset, sent_at=NOON)
    with pytest.raises(AnotherKafka, match="DATABASE_URL"):
        Journey(world.pipeline, stranger).run()


def test_two_consumers_at_one_record_leave_one_end(world: World) -> None:
    """The other consumer finishes while we are about to."""
    record = world.claim(png())
    twin = Journey(world.pipeline, record)
    settle_done = world.pipeline.books.settle_done

    def finish_second(*arguments: Any) -> Outcome:
        world.pipeline.books.settle_done = settle_done  # type: ignore[method-assign]
        twin.run()
        return settle_done(*arguments)

    world.pipeline.books.settle_done = finish_second  # type: ignore[assignment, method-assign]
    world.settle(record)
    assert world.outcomes() == [Outcome.DONE]
    assert len(world.all(Result)) == 1


def test_a_tile_that_is_always_too_slow_is_bounded_while_the_server_answers(world: World) -> None:
    world.model.failures.extend(ModelServerSlow("the deadline passed") for _ in range(CALLS))
    world.settle(world.claim(png()))
    assert world.one(Image).reason == Reason.FAILED


def test_a_model_that_breaks_the_contract_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit() -> None:
        raise ModelMisbehaved("no `doubled`")

    monkeypatch.setattr(world.model, "describe", unfit)
    with pytest.raises(ModelUnfit):
        Journey(world.pipeline, world.claim(png())).run()
    assert world.one(Delivery).attempts == 0


def test_a_full_disk_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(NoScratchSpace, match="TMPDIR"):
        Journey(world.pipeline, world.claim(png())).run()
    assert world.one(Delivery).attempts == 0


def test_a_dead_letter_that_is_too_large_for_its_topic_refers_to_a_blob(world: World) -> None:
    world.events.largest = 1000
    record = replace(world.record(b"x" * 2000), headers=[("foreign", None)])  # type: ignore[list-item]
    world.settle(record)
    [(key, value, headers)] = world.events.on(DEAD_LETTERS)
    assert (key, value) == (None, b"")
    whole = json.loads(
        world.blobs.get(Blob.from_reference(dict(headers)["doublet-error-record"].decode()))
    )
    assert base64.b64decode(whole["value"]) == record.value
    assert whole["headers"] == [["foreign", None]]


def test_a_header_without_value_does_not_stop_a_burial(world: World) -> None:
    world.settle(replace(world.record(b"x"), headers=[("foreign", None)]))  # type: ignore[list-item]
    [(_, _, headers)] = world.events.on(DEAD_LETTERS)
    assert dict(headers)["doublet-error-null-headers"] == b"foreign"


def test_a_trace_is_carried_on_to_the_result(world: World) -> None:
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    record = world.claim(png())
    world.settle(replace(record, headers=[*record.headers, ("ce_traceparent", trace)]))
    [(_, _, headers)] = world.events.on(RESULTS)
    assert dict(headers)["ce_traceparent"] == trace


def test_stopping_hands_the_picture_back_with_its_attempt(world: World) -> None:
    world.halt.request()
    with pytest.raises(HandedBack):
        world.settle(world.claim(png()))
    assert world.one(Image).attempts == 0
    assert world.outcomes() == [None]


class Witness(Halt):
    """Looks at what the consumer says of itself while it rests, and brings the model back."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.seen: list[Condition] = []

    def rest(self, seconds: float) -> None:
        assert self.world is not None
        self.seen.append(self.world.status.condition)
        self.world.model.away = False
        super().rest(seconds)


def test_waiting_is_said_with_the_part_and_the_time(world: World) -> None:
    world.model.away = True
    witness = Witness()
    witness.world = world
    world.breaker = Breaker(witness, clock=lambda: NOON)
    world.status = Status(world.breaker)
    world.status.turned()
    world.settle(world.claim(png()))
    assert witness.seen[0] == Condition(
        PartState.WAITING,
        "waiting for the model server since 2026-11-23 12:00:00 UTC: "
        "the model server is away: this test wants it so",
    )
    assert world.status.condition == Condition(PartState.RUNNING)


def test_a_header_name_that_is_not_utf_8_is_refused_and_kept(world: World) -> None:
    name = HeaderName.of(b"caf\xe9")
    world.settle(replace(world.claim(png()), headers=[(name, b"x")]))
    assert world.one(DeadLetter).reason == Reason.BAD_ENVELOPE
    [(_, _, headers)] = world.events.on(DEAD_LETTERS)
    assert (b"caf\xe9", b"x") in [(at.encode(), value) for at, value in headers]


def test_a_timestamp_that_no_calendar_has_does_not_stop_the_consumer() -> None:
    for milliseconds in (-(2**63), 2**63 - 1):
        kafka = SimpleNamespace(
            topic="t",
            partition=0,
            offset=0,
            key=None,
            value=b"",
            headers=[],
            timestamp=milliseconds,
        )
        assert Record.from_kafka(kafka).sent_at.tzinfo is not None
