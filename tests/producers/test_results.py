"""Results in a person's own folder: whole, and never over something else."""

from pathlib import Path

import pytest

from infra.blobs import Blob, BlobStore
from infra.clock import utc_now
from producers.following import Doubled, Progress, Stage
from producers.results import NotSaved, ResultFolder, doubled_name
from producers.submitting import Receipt


@pytest.fixture
def folder(blobs: BlobStore, tmp_path: Path) -> ResultFolder:
    folder = ResultFolder(tmp_path / "new" / "doubled", blobs)
    folder.require_writable()
    return folder


def done(name: str, blob: Blob) -> Progress:
    receipt = Receipt("s", "1", name, "0" * 64, 1, "t", 0, 0)
    return Progress(receipt, Stage.DONE, 7, doubled=Doubled(blob.sha256, 2, 2, 1.0, utc_now()))


def test_two_of_one_name_are_both_kept_and_one_twice_is_one_file(
    folder: ResultFolder, blobs: BlobStore
) -> None:
    one, other = (done("moon.jpg", blobs.put(content)) for content in (b"one", b"other"))
    paths = [folder.save(it) for it in (one, other, one, other)]
    assert [path.name for path in paths if path] == [
        "moon-doubled.png",
        "moon-doubled-2.png",
        "moon-doubled.png",
        "moon-doubled-2.png",
    ]
    assert {file.read_bytes() for file in folder.folder.iterdir()} == {b"one", b"other"}


def test_what_lies_there_is_not_written_over(folder: ResultFolder, blobs: BlobStore) -> None:
    (folder.folder / "moon-doubled.png").write_bytes(b"mine")
    (folder.folder / "moon-doubled-2.png").mkdir()
    saved = folder.save(done("moon.jpg", blobs.put(b"one")))
    assert saved == folder.folder / "moon-doubled-3.png"
    assert (folder.folder / "moon-doubled.png").read_bytes() == b"mine"


def test_a_result_that_is_gone_leaves_no_file(folder: ResultFolder) -> None:
    with pytest.raises(NotSaved, match="not saved"):
        folder.save(done("moon.jpg", Blob("0" * 64)))
    assert list(folder.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_said_at_once(blobs: BlobStore) -> None:
    with pytest.raises(NotSaved, match="cannot be written to"):
        ResultFolder(Path("/proc/nowhere"), blobs).require_writable()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("moon.jpg", "moon-doubled.png"),
        ("moon", "moon-doubled.png"),
        ("../../etc/passwd", "passwd-doubled.png"),
        ("ä" * 200, "ä" * 100 + "-doubled.png"),
        ("..", "unnamed-doubled.png"),
        ("c:\\moon.tar.gz", "moon.tar-doubled.png"),
    ],
)
def test_a_name_never_leads_out_of_the_folder(name: str, file: str) -> None:
    assert doubled_name(name) == file
