"""What a person names on the command line: files, folders, globs, standard input, addresses."""

import glob
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from infra.admission import Limits
from infra.errors import DoubletError
from infra.settings import Settings
from producers.apod.source import ApodMissing, ApodUnavailable
from producers.apod.web import AddressRefused
from producers.public_web import public_web
from producers.sniffing import Unreadable

STDIN = "-"

_PIECE = 1024 * 1024


class NotFetched(DoubletError):
    """An address that a picture could not be had from."""


class NothingNamed(DoubletError):
    """What was named holds no file at all."""


class Input(Protocol):
    """One picture to be, wherever it comes from."""

    @property
    def label(self) -> str:
        """As the person named it."""

    @property
    def name(self) -> str:
        """What the picture is called from now on."""

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """The file, for as long as it is needed.

        Raises:
            Unreadable, BadPicture, NotFetched: this one cannot be had; the others can.
        """


@dataclass(frozen=True)
class FileInput:
    """A file of this machine."""

    path: Path

    @property
    def label(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @contextmanager
    def opened(self) -> Iterator[Path]:
        yield self.path


@dataclass(frozen=True)
class StdinInput:
    """Whatever is piped in."""

    stream: IO[bytes]
    limits: Limits
    label: str = STDIN
    name: str = "stdin"

    @contextmanager
    def opened(self) -> Iterator[Path]:
        if self.stream.isatty():
            raise Unreadable("nothing is piped into standard input")
        with _temporary() as path:
            with path.open("wb") as file:
                length = 0
                while piece := self.stream.read(_PIECE):
                    length += len(piece)
                    self.limits.require_length(length)
                    file.write(piece)
            yield path


@dataclass(frozen=True)
class UrlInput:
    """A picture somewhere on the public web."""

    url: str
    settings: Settings

    @property
    def label(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        split = urlsplit(self.url)
        return unquote(split.path).rstrip("/").rpartition("/")[2] or split.netloc

    @contextmanager
    def opened(self) -> Iterator[Path]:
        with _temporary() as path:
            with closing(public_web(self.settings)) as web, path.open("wb") as file:
                try:
                    web.download(self.url, file)
                except (AddressRefused, ApodMissing, ApodUnavailable) as error:
                    raise NotFetched(f"not fetched: {error}") from error
            yield path


def find_inputs(named: Sequence[str], settings: Settings) -> list[Input]:
    """Everything that was named, in that order; what is in a folder, by name.

    A folder stands for every file below it except hidden ones. A name that is no file's and has
    ``*``, ``?`` or ``[`` is a glob, ``**`` included: for shells that expand none.

    Raises:
        NothingNamed: there is nothing, as in an empty folder.
    """
    inputs = [found for text in named for found in _find(text, settings)]
    if not inputs:
        raise NothingNamed(f"there is no file in {', '.join(named)}")
    return inputs


def _find(text: str, settings: Settings) -> Iterator[Input]:
    if text == STDIN:
        yield StdinInput(getattr(sys.stdin, "buffer", io.BytesIO()), Limits.of(settings))
    elif "://" in text:
        yield UrlInput(text, settings)
    elif not Path(text).exists() and glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))
        # Where nothing matches, the name itself is said not to be there.
        for match in matches or [text]:
            yield from _below(Path(match))
    else:
        yield from _below(Path(text))


def _below(path: Path) -> Iterator[Input]:
    if not path.is_dir():
        yield FileInput(path)
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.is_file() and not hidden:
            yield FileInput(file)


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doublet-") as folder:
        yield Path(folder) / "picture"
