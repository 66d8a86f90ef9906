"""Doubled pictures, written into a person's own folder."""

import hashlib
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from infra.blobs import Blob, BlobMissing, BlobStore
from infra.errors import DoubletError
from producers.following import Progress

_LONGEST_STEM = 200
"""In bytes: a file system takes names of 255, and a number may come to it."""


class NotSaved(DoubletError):
    """A result is there and cannot be written where it was wanted."""


@dataclass(frozen=True)
class ResultFolder:
    """Where the results of one batch go. Nothing that lies there is written over."""

    folder: Path
    blobs: BlobStore

    def require_writable(self) -> None:
        """Make the folder.

        Raises:
            NotSaved: it cannot be made or written to; better said before anything is sent.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise NotSaved(f"{self.folder} cannot be written to: {error.strerror}") from error

    def save(self, progress: Progress) -> Path | None:
        """Write a picture's result, and answer where; None where it has none.

        A file of that name with the same content is taken for the result; beside another one it
        gets a number.

        Raises:
            NotSaved: the disk is full, or the result is gone.
            BlobStoreUnavailable: try again later.
        """
        if progress.doubled is None:
            return None
        try:
            return self._place(doubled_name(progress.receipt.name), Blob(progress.doubled.sha256))
        except BlobMissing as error:
            raise NotSaved(f"the result is not saved: {error}") from error
        except OSError as error:
            raise NotSaved(f"the result is not saved: {error.strerror}") from error

    def _place(self, name: str, blob: Blob) -> Path:
        stem = name.removesuffix(".png")
        names = (name if number == 1 else f"{stem}-{number}.png" for number in count(1))
        for path in map(self.folder.joinpath, names):
            try:
                path.touch(exist_ok=False)  # the name is ours from here on
            except FileExistsError:
                if path.is_file() and _holds(path, blob):
                    return path
            else:
                self._write(path, blob)
                return path
        raise AssertionError  # the names have no end

    def _write(self, path: Path, blob: Blob) -> None:
        # Beside it and then moved: a file of that name is whole, or empty.
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                file.writelines(self.blobs.chunks(blob))
            part.replace(path)
        except (OSError, DoubletError):
            part.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise


def _holds(path: Path, blob: Blob) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == blob.sha256


def doubled_name(name: str) -> str:
    """What a picture's result is called as a file, whatever the picture is called."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = (last.rpartition(".")[0] or last).lstrip(".") or "unnamed"
    return f"{stem.encode()[:_LONGEST_STEM].decode(errors='ignore')}-doubled.png"
