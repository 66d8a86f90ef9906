"""A record's way to its end: what is written when, and how each kind of record ends."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from infra.blobs import Blob
from infra.database.models import (
    DeadLetter,
    Image,
    ImageState,
    Outcome,
    Result,
)
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS, RESULTS
from infra.events.envelope import read_envelope
from infra.events.reasons import Reason
from tests.consumers.world import World, png
from tests.fixtures import bombs
from tests.fixtures.model_servers import FakeModelServer


def test_a_picture_by_claim_check_ends_done(world: World) -> None:
    world.settle(world.claim(png()))
    image, result = world.one(Image), world.one(Result)
    assert (image.state, image.attempts, image.name) == (ImageState.DONE, 1, "m51.png")
    assert (image.width, image.height) == (50, 40)
    assert (result.width, result.height, result.tiles) == (100, 80, 4)
    assert result.queue_s == 2.0
    assert result.model_s > 0
    assert world.outcomes() == [Outcome.DONE]
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(result.sha256)))) as doubled:
        assert doubled.size == (100, 80)
        doubled.load()


def test_a_bare_picture_on_the_topic_is_an_upload(world: World) -> None:
    content = png()
    world.settle(world.record(content, [("foreign", b"\xff\xfe")]))
    image = world.one(Image)
    assert image.event_id == f"upload:{hashlib.sha256(content).hexdigest()}"
    assert world.blobs.get(Blob(image.sha256)) == content


def test_the_spread_is_stored_with_its_mean(world: World) -> None:
    world.settle(world.claim(png()))
    result = world.one(Result)
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(result.spread_sha256)))) as spread:
        assert spread.mode == "L"
        assert result.mean_spread == pytest.approx(np.asarray(spread).mean() / 4)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_a_result_has_the_form_of_its_picture(world: World, mode: str) -> None:
    world.settle(world.claim(png(mode=mode)))
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(world.one(Result).sha256)))) as doubled:
        assert doubled.mode == mode


def test_the_end_is_announced_after_the_database_knows_it(world: World) -> None:
    world.settle(world.claim(png()))
    [(key, value, headers)] = world.events.on(RESULTS)
    envelope = read_envelope(headers, value)
    data = json.loads(envelope.data)
    assert key == world.one(Image).event_id.encode()
    assert (data["outcome"], data["result"]["sha256"]) == ("done", world.one(Result).sha256)


def test_a_redelivered_record_is_not_done_twice_but_announced_again(world: World) -> None:
    record = world.claim(png())
    world.settle(record)
    calls = len(world.model.calls)
    world.settle(record)
    assert len(world.model.calls) == calls
    assert world.outcomes() == [Outcome.DONE]
    assert len(world.events.on(RESULTS)) == 2


def test_the_same_event_again_is_a_duplicate(world: World) -> None:
    for _ in range(3):
        world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DONE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(world.all(Result)) == 1


def test_a_new_version_of_the_model_doubles_the_same_event_anew(world: World) -> None:
    world.settle(world.claim(png()))
    world.model.swap(2)
    world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DONE, Outcome.DONE]
    assert [result.version for result in world.all(Result)] == [1, 2]


def test_a_result_keeps_its_measures_and_its_tile_plan(world: World) -> None:
    world.settle(world.claim(png()))
    result = world.one(Result)
    assert 5 < result.consistency < 60
    assert abs(result.seam_step) < 5
    assert (result.tile_side, result.halo, result.model_commit) == (32, 2, None)


def test_an_event_may_ask_for_another_model(world: World) -> None:
    fast = FakeModelServer(radius=1, has_spread=False, version=7, name="doublet-fast")
    world.pipeline = replace(world.pipeline, others={"doublet-fast": fast})
    world.settle(world.claim(png()))
    world.settle(world.claim(png(), model="doublet-fast"))
    world.settle(world.claim(png(), model="doublet"))
    assert world.outcomes() == [Outcome.DONE, Outcome.DONE, Outcome.DUPLICATE]
    results = [(result.model, result.version, result.halo) for result in world.all(Result)]
    assert results == [("doublet", 1, 2), ("doublet-fast", 7, 1)]
    assert world.one(Image).state is ImageState.DONE


def test_a_model_that_nobody_serves_is_not_waited_for(world: World) -> None:
    absent = FakeModelServer(name="doublet-fast")
    absent.away = True
    world.pipeline = replace(world.pipeline, others={"doublet-fast": absent})
    world.settle(world.claim(png()))
    world.settle(world.claim(png(), model="doublet-fast"))
    world.settle(world.claim(png(), model="nonsense"))
    assert world.outcomes() == [Outcome.DONE, Outcome.DEAD, Outcome.DEAD]
    letters = [(letter.reason, letter.detail) for letter in world.all(DeadLetter)]
    assert letters == [
        (Reason.MODEL_REFUSED, "the model server has no model 'doublet-fast'"),
        (Reason.MODEL_REFUSED, "there is no model 'nonsense'"),
    ]
    image = world.one(Image)
    assert (image.state, image.reason) == (ImageState.DONE, None)  # it keeps its result


def missing_blob(world: World) -> Record:
    return world.claim(png(), dataref="blob:" + "0" * 64, sha256="0" * 64)


@pytest.mark.parametrize(
    ("make", "reason", "stage"),
    [
        (lambda w: w.record(None), Reason.EMPTY, "envelope"),
        (lambda w: w.record(b"{}", [("ce_id", b"1")]), Reason.BAD_ENVELOPE, "envelope"),
        (lambda w: w.record(b"{}", [("ce_id", b"\xff")]), Reason.BAD_ENVELOPE, "envelope"),
        (lambda w: w.claim(png(), length=0), Reason.BAD_DATA, "envelope"),
        (lambda w: w.claim(png(), dataref="http://x/y.png"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), dataref="file:///etc/passwd"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), dataref="blob:../../x"), Reason.BAD_DATAREF, "envelope"),
        (lambda w: w.claim(png(), length=7), Reason.HASH_MISMATCH, "fetch"),
        (missing_blob, Reason.BLOB_MISSING, "fetch"),
        (lambda w: w.record(b"not a picture"), Reason.UNSUPPORTED_FORMAT, "decode"),
        (lambda w: w.claim(png()[:-40]), Reason.UNDECODABLE, "decode"),
        (lambda w: w.claim(png(200, 200)), Reason.TOO_MANY_PIXELS, "decode"),
        # Pillow's own guard raises at these, which once ended the process.
        (lambda w: w.claim(bombs.png(30_000, 30_000)), Reason.TOO_MANY_PIXELS, "decode"),
        (lambda w: w.claim(bombs.gif(30_000, 30_000)), Reason.TOO_MANY_PIXELS, "decode"),
    ],
)
def test_what_can_never_be_doubled_is_put_aside_untouched(
    world: World, make: Callable[[World], Record], reason: Reason, stage: str
) -> None:
    record = make(world)
    world.settle(record)
    assert world.outcomes() == [Outcome.DEAD]
    letter = world.one(DeadLetter)
    assert (letter.reason, letter.stage) == (reason, stage)
    [(key, value, headers)] = world.events.on(DEAD_LETTERS)
    assert (key, value) == (record.key, record.value)
    assert headers[: len(record.headers)] == record.headers
    ours = dict(headers[len(record.headers) :])
    assert ours["doublet-error-reason"] == reason.encode()
    assert ours["doublet-error-offset"] == str(record.offset).encode()
    world.settle(world.claim(png()))
    assert world.outcomes() == [Outcome.DEAD, Outcome.DONE]
