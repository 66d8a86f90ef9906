"""324 odd and broken files, each with the one outcome that somebody thought about.

``malformed.tsv`` says for each what becomes of it: ``doubled``, with the result's form and notes,
or ``dead``, with the reason. The files themselves are not in the repository.
"""

import csv
import gc
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image as Pillow
from sqlalchemy import select

from consumers.decoding import decode
from consumers.doubling import Doubler, DoublingPolicy
from consumers.halt import Halt
from consumers.timings import Timings
from infra.admission import BadPicture, Limits
from infra.blobs import Blob
from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.database.models import DeadLetter, Image, ImageState, Result
from infra.eventlog.topics import DEAD_LETTERS
from infra.settings import MEBIBYTE
from tests.consumers.memory import open_descriptors, resident_bytes
from tests.consumers.world import World
from tests.data import shared_data
from tests.fixtures.model_servers import FakeModelServer

LIMITS = Limits(max_bytes=2**28, max_pixels=120_000_000, max_side=30_000)
LARGEST_DOUBLED = 500_000
"""Pixels, where all files are doubled one after the other."""


@dataclass(frozen=True)
class Expected:
    """One line of the table."""

    file: str
    outcome: str
    form: str
    """Of the result, in Pillow's words; empty where there is none."""
    says: str
    """The notes, or the reason."""


with (Path(__file__).parent / "malformed.tsv").open(newline="") as _table:
    EXPECTED = [Expected(**row) for row in csv.DictReader(_table, delimiter="\t")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all files: none of them may harm the next."""
    folder = tmp_path_factory.mktemp("malformed")
    database = Database(f"sqlite:///{folder}/doublet.sqlite")
    upgrade(database)
    world = World(database, folder / "blobs")
    policies = replace(
        world.pipeline.policies, limits=LIMITS, doubling=DoublingPolicy(256, 4, False)
    )
    # Without a neighbourhood to look at: what the pixels become is not asked here.
    world.pipeline = replace(world.pipeline, policies=policies, model=FakeModelServer(radius=0))
    yield world
    database.close()


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.file)
def test_each_file_ends_as_stated(expected: Expected, world: World) -> None:
    content = content_of(expected.file)
    world.settle(world.claim(content, name=expected.file))
    assert end_of(content, world) == (expected.outcome, expected.form, expected.says)


def test_the_table_has_a_line_for_every_file() -> None:
    with (shared_data("malformed") / "INDEX.tsv").open(newline="") as index:
        paths = [row["path"] for row in csv.DictReader(index, delimiter="\t")]
    files = [path for path in paths if (shared_data("malformed") / path).exists()]
    assert len(files) >= 320
    assert sorted(files) == sorted(expected.file for expected in EXPECTED)


def test_nothing_leaks(tmp_path: Path) -> None:
    """Memory and file descriptors are the same after each file was there twice as after once."""
    run_all(tmp_path)
    memory, descriptors = resident_bytes(), open_descriptors()
    run_all(tmp_path)
    assert open_descriptors() == descriptors
    assert resident_bytes() - memory < 16 * MEBIBYTE


def run_all(folder: Path) -> None:
    model = FakeModelServer(radius=0)
    doubler = Doubler(model, model.describe(), DoublingPolicy(256, 4, False))
    for expected in EXPECTED:
        try:
            picture = decode(content_of(expected.file), LIMITS)
        except BadPicture:
            continue
        if picture.height * picture.width <= LARGEST_DOUBLED:
            doubler.double(picture, folder, Timings(0), Halt())
    gc.collect()


def end_of(content: bytes, world: World) -> tuple[str, str, str]:
    """What the books say became of some bytes."""
    sha256 = hashlib.sha256(content).hexdigest()
    with world.database.reading() as session:
        image = session.scalars(select(Image).where(Image.event_id == f"upload:{sha256}")).one()
        if image.state is ImageState.DEAD:
            letter = session.scalars(select(DeadLetter).where(DeadLetter.image_id == image.id))
            assert letter.first() is not None
            assert world.events.on(DEAD_LETTERS)
            return "dead", "", image.reason or ""
        result = session.scalars(select(Result).where(Result.image_id == image.id)).one()
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(result.sha256)))) as doubled:
        doubled.load()
        assert doubled.size == (2 * (image.width or 0), 2 * (image.height or 0))
        form = f"{doubled.mode} {doubled.width}x{doubled.height}"
    return "doubled", form, image.notes or ""


def content_of(file: str) -> bytes:
    return (shared_data("malformed") / file).read_bytes()
