"""Whatever is on the topic, it ends with a reason, and the consumer takes the next record."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import DeadLetter, Outcome
from infra.eventlog.record import Record
from infra.eventlog.topics import DEAD_LETTERS
from infra.events.envelope import Headers
from infra.events.pictures import UPLOADED
from infra.events.reasons import Reason
from tests.consumers.world import World, png

PICTURE = png(12, 10)
NOWHERE = "0" * 64
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One consumer for all of them: none may harm the next."""
    folder = tmp_path_factory.mktemp("envelopes")
    database = Database(f"sqlite:///{folder}/doublet.sqlite")
    upgrade(database)
    yield World(database, folder / "blobs")
    database.close()


def binary(world: World, value: bytes = PICTURE, **attributes: bytes | None) -> Record:
    """An upload by its own bytes, in binary mode, with changed headers; None leaves one out."""
    headers: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_type": UPLOADED.encode(),
        "ce_source": b"somebody",
        "ce_id": b"1",
        "content-type": b"image/png",
        **{name.replace("__", "-"): text for name, text in attributes.items()},
    }
    kept: Headers = [(name, text) for name, text in headers.items() if text is not None]
    return world.record(value, kept)


def data(world: World, **changes: Any) -> dict[str, Any]:
    """A good claim check's data, changed; None leaves a field out."""
    blob = world.blobs.put(PICTURE)
    whole = {
        "dataref": blob.reference,
        "sha256": blob.sha256,
        "length": len(PICTURE),
        "mediaType": "image/png",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def claim(world: World, **changes: Any) -> Record:
    value = json.dumps(data(world, **changes)).encode()
    return binary(world, value, content__type=b"application/json")


def structured(world: World, headers: Headers | None = None, **changes: Any) -> Record:
    event = {
        "specversion": "1.0",
        "type": UPLOADED,
        "source": "somebody",
        "id": "1",
        "data": data(world),
        **changes,
    }
    return world.record(json.dumps(event).encode(), STRUCTURED + (headers or []))


def altered_blob(world: World) -> Record:
    """The store holds other bytes, of the same length, under the blob's name."""
    content = png(13, 10)
    record = world.claim(content)
    sha256 = hashlib.sha256(content).hexdigest()
    [file] = [path for path in world.folder.rglob(sha256) if path.is_file()]
    file.write_bytes(bytes(len(content)))
    return record


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[World], Record]
    reason: Reason
    stage: str = "envelope"


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def json_of_depth(depth: int, world: World) -> Record:
    return binary(world, nested(depth), content__type=b"application/json")


REFUSED = [
    Case("no value", lambda w: w.record(None), Reason.EMPTY),
    Case("no id", lambda w: binary(w, ce_id=None), Reason.BAD_ENVELOPE),
    Case("an empty id", lambda w: binary(w, ce_id=b""), Reason.BAD_ENVELOPE),
    Case("no source", lambda w: binary(w, ce_source=None), Reason.BAD_ENVELOPE),
    Case("no type", lambda w: binary(w, ce_type=None), Reason.BAD_ENVELOPE),
    Case("an id that is not UTF-8", lambda w: binary(w, ce_id=b"\xff\xfe"), Reason.BAD_ENVELOPE),
    Case("an id with a NUL", lambda w: binary(w, ce_id=b"a\0b"), Reason.BAD_ENVELOPE),
    Case("an id without end", lambda w: binary(w, ce_id=b"a" * 201), Reason.BAD_ENVELOPE),
    Case("a time that is none", lambda w: binary(w, ce_time=b"yesterday"), Reason.BAD_ENVELOPE),
    Case("no version", lambda w: binary(w, ce_specversion=None), Reason.BAD_ENVELOPE),
    Case("an old version", lambda w: binary(w, ce_specversion=b"0.3"), Reason.BAD_ENVELOPE),
    Case("another type", lambda w: binary(w, ce_type=b"com.example.x"), Reason.UNKNOWN_TYPE),
    Case(
        "our type's next version",
        lambda w: binary(w, ce_type=b"doublet.picture.uploaded.v2"),
        Reason.UNKNOWN_TYPE,
    ),
    Case(
        "APOD by its bytes",
        lambda w: binary(w, ce_type=b"doublet.apod.published.v1"),
        Reason.BAD_DATA,
    ),
    Case("structured, not JSON", lambda w: w.record(b"{", STRUCTURED), Reason.BAD_ENVELOPE),
    Case("structured, a list", lambda w: w.record(b"[]", STRUCTURED), Reason.BAD_ENVELOPE),
    Case("structured, not UTF-8", lambda w: w.record(b"\xff", STRUCTURED), Reason.BAD_ENVELOPE),
    Case("structured, deep", lambda w: w.record(nested(9000), STRUCTURED), Reason.BAD_ENVELOPE),
    Case("structured, an id of 5", lambda w: structured(w, id=5), Reason.BAD_ENVELOPE),
    Case("structured, half base64", lambda w: structured(w, data_base64="="), Reason.BAD_ENVELOPE),
    Case(
        "a batch",
        lambda w: w.record(b"[]", [("content-type", b"application/cloudevents-batch+json")]),
        Reason.BAD_ENVELOPE,
    ),
    *(
        Case(f"JSON {depth} deep", partial(json_of_depth, depth), Reason.BAD_DATA)
        for depth in (1, 300, 900, 990, 9000)
    ),
    Case(
        "JSON that is none",
        lambda w: binary(w, b"{'a'", content__type=b"application/json"),
        Reason.BAD_DATA,
    ),
    Case("a lone surrogate", lambda w: claim(w, name="\ud800"), Reason.BAD_DATA),
    Case("a NUL in the name", lambda w: claim(w, name="a\0b"), Reason.BAD_DATA),
    Case("no length", lambda w: claim(w, length=None), Reason.BAD_DATA),
    Case("a length in words", lambda w: claim(w, length="ten"), Reason.BAD_DATA),
    Case("no address", lambda w: claim(w, dataref=None), Reason.BAD_DATA),
    *(
        Case(f"dataref {address}", partial(claim, dataref=address), Reason.BAD_DATAREF)
        for address in (
            "http://example.com/x.png",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "s3://bucket/x",
            "/etc/passwd",
            "../../etc/passwd",
            "blob:../../etc/passwd",
            f"blob:/{NOWHERE}",
            f"BLOB:{NOWHERE}",
            f"blob:{NOWHERE}/..",
            f"blob:{NOWHERE}\n",
            "",
        )
    ),
    Case("two hashes", lambda w: claim(w, sha256="1" * 64), Reason.HASH_MISMATCH),
    Case(
        "a missing blob",
        lambda w: claim(w, dataref=f"blob:{NOWHERE}", sha256=NOWHERE),
        Reason.BLOB_MISSING,
        "fetch",
    ),
    Case("another length", lambda w: claim(w, length=7), Reason.HASH_MISMATCH, "fetch"),
    Case("altered bytes", altered_blob, Reason.HASH_MISMATCH, "fetch"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_it_is_put_aside_with_its_reason_and_the_next_is_taken(case: Case, world: World) -> None:
    record = case.make(world)
    world.settle(record)
    letter = world.all(DeadLetter)[-1]
    assert letter.offset == record.offset
    assert (letter.reason, letter.stage) == (case.reason, case.stage)
    [key, value, headers] = world.events.on(DEAD_LETTERS)[-1]
    assert (key, value, headers[: len(record.headers)]) == (
        record.key,
        record.value,
        record.headers,
    )
    world.settle(world.claim(PICTURE))
    assert world.outcomes()[-1] in {Outcome.DONE, Outcome.DUPLICATE}


TAKEN: dict[str, Callable[[World], Record]] = {
    "by its bytes": binary,
    "without any header": lambda w: w.record(PICTURE),
    "with a stranger's header that is not UTF-8": lambda w: binary(w, x__trace=b"\xff\xfe"),
    "with a content type that is not UTF-8": lambda w: binary(w, content__type=b"\xff\xfe"),
    "with a stranger's attribute": lambda w: binary(w, ce_tenant=b"7"),
    "by claim check": claim,
    "structured": structured,
    "structured, with stray attributes in its headers": lambda w: structured(
        w, [("ce_id", b"\xff"), ("ce_specversion", b"9"), ("ce_type", b"nonsense")]
    ),
    "structured, by its bytes": lambda w: structured(
        w,
        data=None,
        data_base64=base64.b64encode(PICTURE).decode(),
        datacontenttype="image/png",
    ),
    "from before there was a calendar": lambda w: binary(w, ce_time=b"0001-01-01T00:00:00Z"),
    "from another century": lambda w: binary(w, ce_time=b"9999-12-31T23:59:59Z"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_right_is_taken(name: str, world: World) -> None:
    world.settle(TAKEN[name](world))
    assert world.outcomes()[-1] in {Outcome.DONE, Outcome.DUPLICATE}, world.all(DeadLetter)[-1]
