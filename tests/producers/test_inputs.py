"""What a person names: files, folders, globs, standard input, addresses."""

import io
from pathlib import Path

import pytest

from infra.admission import BadPicture, Limits
from infra.settings import Settings
from producers.inputs import NotFetched, NothingNamed, StdinInput, UrlInput, find_inputs
from producers.sniffing import Unreadable

SETTINGS = Settings(_env_file=None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.jpg", "deep/c.png", ".hidden/d.jpg", ".DS_Store", "x[1].jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (["b.jpg", "a.jpg"], ["b.jpg", "a.jpg"]),
        (["."], ["a.jpg", "b.jpg", "deep/c.png", "x[1].jpg"]),
        (["deep"], ["deep/c.png"]),
        (["[ab].jpg"], ["a.jpg", "b.jpg"]),
        (["**/*.png"], ["deep/c.png"]),
        (["d*"], ["deep/c.png"]),
        (["x[1].jpg"], ["x[1].jpg"]),
        (["*.gif"], ["*.gif"]),
        (["-", "https://example.org/m%2031.png?big"], ["-", "https://example.org/m%2031.png?big"]),
    ],
)
def test_what_a_name_stands_for(folder: Path, named: list[str], found: list[str]) -> None:
    assert [it.label for it in find_inputs(named, SETTINGS)] == found


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/sky/m%2031.png?big", "m 31.png"),
        ("https://example.org/", "example.org"),
        ("https://example.org/a%2Fb.png", "b.png"),
    ],
)
def test_an_address_gives_the_picture_its_name(url: str, name: str) -> None:
    assert UrlInput(url, SETTINGS).name == name


def test_an_address_inside_a_network_is_not_fetched() -> None:
    it = UrlInput("https://127.0.0.1/moon.png", SETTINGS)
    with pytest.raises(NotFetched, match="not a public address"), it.opened():
        pass


def test_standard_input_is_read_to_the_limit_and_no_further() -> None:
    limits = Limits(max_bytes=10, max_pixels=1, max_side=1)
    with StdinInput(io.BytesIO(bytes(10)), limits).opened() as path:
        assert path.read_bytes() == bytes(10)
    assert not path.exists()
    with pytest.raises(BadPicture, match="MAX_PICTURE_BYTES"):
        StdinInput(io.BytesIO(bytes(11)), limits).opened().__enter__()


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingNamed, match="no file in"):
        find_inputs([str(tmp_path)], SETTINGS)


def test_nobody_types_a_picture() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    it = StdinInput(Terminal(), Limits.of(SETTINGS))
    with pytest.raises(Unreadable, match="nothing is piped"), it.opened():
        pass
