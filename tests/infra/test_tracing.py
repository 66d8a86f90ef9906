"""Spans: a tree within a process, one trace across them, and nothing while they are off."""

from itertools import pairwise

import pytest

from infra import tracing
from infra.admission import Limits
from infra.blobs import BlobMissing
from infra.database.engine import Database
from infra.eventlog.topics import DEAD_LETTERS, RESULTS, UPLOADS
from infra.events.envelope import traceparent_of
from producers.submitting import Submitter
from tests.consumers.world import World, png
from tests.fixtures.collectors import Spans

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def world(sqlite: Database, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(sqlite, tmp_path_factory.mktemp("blobs"))


def test_while_traces_are_off_there_is_nothing() -> None:
    with tracing.span("a", parent=CALLER):
        tracing.note({"b": 1})
        assert tracing.traceparent() is None


def test_a_span_is_a_child_of_the_one_around_it_or_of_another_processs(spans: Spans) -> None:
    with tracing.span("outer", tracing.Kind.SERVER, {"a": 1}, CALLER):
        outer = tracing.traceparent()
        with tracing.span("inner"):
            pass
    inner, seen = spans()
    assert (seen.trace, seen.parent) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert seen.is_named_by(outer)
    assert (inner.trace, inner.parent) == (seen.trace, seen.id)


def test_an_error_is_told_and_what_is_no_traceparent_begins_a_new_trace(spans: Spans) -> None:
    with pytest.raises(BlobMissing), tracing.span("fetch", parent="00-nonsense"):
        raise BlobMissing("it is gone")
    [failed] = spans()
    assert (failed.parent, failed.facts) == ("", {"error.type": "BlobMissing"})
    [status] = [span.status for span in spans.exporter.get_finished_spans()]
    assert (status.is_ok, status.description) == (False, "it is gone")


def test_a_picture_keeps_its_trace_from_handing_in_to_the_result(
    world: World, spans: Spans
) -> None:
    submitter = Submitter(world.events, world.blobs, Limits(2**20, 10_000, 1_000))
    submitter.submit("m51.png", png())
    [(_, value, headers)] = world.events.on(UPLOADS)
    world.settle(world.record(value, headers))
    [(_, _, told)] = world.events.on(RESULTS)
    seen = {span.name: span for span in spans()}
    assert len({span.trace for span in spans()}) == 1
    chain = [f"send {RESULTS}", f"process {UPLOADS}", f"send {UPLOADS}", "submit a picture"]
    for child, parent in pairwise(chain):
        assert seen[child].parent == seen[parent].id, child
    for stage in ("fetch", "decode", "store"):
        assert seen[stage].parent == seen[f"process {UPLOADS}"].id
    for name in ("traceparent", "ce_traceparent"):
        assert seen[f"send {UPLOADS}"].is_named_by(dict(headers)[name].decode())
        assert seen[f"send {RESULTS}"].is_named_by(dict(told)[name].decode())
    process = seen[f"process {UPLOADS}"].facts
    assert process["doublet.outcome"] == "done"
    assert process["doublet.image_id"] == "1"
    assert process["messaging.destination.name"] == UPLOADS


def test_a_dead_letter_keeps_its_senders_trace(world: World, spans: Spans) -> None:
    headers = [("traceparent", CALLER.encode()), ("ce_specversion", b"1.0")]
    world.settle(world.record(b"{}", headers))
    [(_, _, kept)] = world.events.on(DEAD_LETTERS)
    assert dict(kept)["traceparent"].decode() == CALLER
    [process] = [span for span in spans() if span.name.startswith("process")]
    assert process.trace == CALLER.split("-")[1]


@pytest.mark.parametrize(
    ("headers", "value", "found"),
    [
        ([("traceparent", CALLER.encode())], b"a picture", CALLER),
        ([("ce_traceparent", CALLER.encode())], b"", CALLER),
        ([("ce_traceparent", b"x"), ("traceparent", CALLER.encode())], b"", CALLER),
        ([("traceparent", b"\xff\xfe")], b"", None),
        ([], b"a picture", None),
        (
            [("content-type", b"application/cloudevents+json")],
            b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "traceparent": "%s"}'
            % CALLER.encode(),
            CALLER,
        ),
        ([("content-type", b"application/cloudevents+json")], b"no JSON", None),
    ],
)
def test_a_records_trace_is_found_wherever_its_sender_put_it(
    headers: list[tuple[str, bytes]], value: bytes, found: str | None
) -> None:
    assert traceparent_of(headers, value) == found
