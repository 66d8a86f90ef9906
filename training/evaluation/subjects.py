"""What is evaluated: anything that doubles a picture.

Nothing heavy is imported here: the two plain upscales and a command need no TensorFlow, and what
they cost is measured in processes without it.
"""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from PIL import Image

from infra.errors import DoubletError
from serving.contract import SCALE
from training.features.degradation import Picture, resized
from training.features.sources import Unfit, decoded


class Subject(Protocol):
    """Something that doubles pictures."""

    name: str
    """What the tables call it."""

    def double(self, picture: Picture) -> Picture:
        """uint8 [h, w, 3] to uint8 [2h, 2w, 3].

        Raises:
            DoubletError: it cannot.
        """
        ...


Opener = Callable[[], Subject]
"""Makes a subject; can be sent to another process."""


class Bicubic:
    """The plain upscale that everything is compared with: MATLAB's imresize."""

    name = "bicubic"

    def double(self, picture: Picture) -> Picture:
        return resized(picture, SCALE)


class Lanczos:
    """Pillow's upscale by a windowed sinc of three lobes."""

    name = "Lanczos"

    def double(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        size = (SCALE * width, SCALE * height)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


class Command:
    """Any program that reads one picture file and writes another; run once a picture."""

    def __init__(self, template: str) -> None:
        """`template` is a command line in which {input} and {output} stand for PNG files.

        Raises:
            DoubletError: it is not.
        """
        try:
            self._words = shlex.split(template)
        except ValueError as error:
            raise DoubletError(f"--command {template!r}: {error}") from error
        if not ("{input}" in template and "{output}" in template):
            raise DoubletError(f"--command {template!r} must name {{input}} and {{output}}")
        self.name = Path(self._words[0]).name

    def double(self, picture: Picture) -> Picture:
        with TemporaryDirectory(prefix="doublet-evaluate-") as folder:
            given, made = Path(folder, "input.png"), Path(folder, "output.png")
            Image.fromarray(picture).save(given)
            self._run(given, made)
            if not made.exists():
                raise DoubletError(f"{self.name} ended well but wrote no {{output}}")
            return of_twice_the_sides(self.name, read_picture(made), picture)

    def _run(self, given: Path, made: Path) -> None:
        files = {"{input}": str(given), "{output}": str(made)}
        words = [replaced(word, files) for word in self._words]
        try:
            ended = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            raise DoubletError(f"{self._words[0]} cannot be run: {error.strerror}") from error
        if ended.returncode:
            said = (ended.stderr or ended.stdout).strip().splitlines() or ["it said nothing"]
            raise DoubletError(f"{self.name} failed with exit code {ended.returncode}: {said[-1]}")


def replaced(word: str, parts: dict[str, str]) -> str:
    for old, new in parts.items():
        word = word.replace(old, new)
    return word


def read_picture(path: Path) -> Picture:
    """A picture file as uint8 [h, w, 3].

    Raises:
        DoubletError: it cannot be decoded.
    """
    try:
        return decoded(path)
    except Unfit as error:
        raise DoubletError(f"{path} is {error}") from error


def of_twice_the_sides(name: str, doubled: Picture, picture: Picture) -> Picture:
    """`doubled` itself.

    Raises:
        DoubletError: its sides are not twice the picture's.
    """
    height, width = picture.shape[:2]
    if doubled.shape != (SCALE * height, SCALE * width, 3):
        raise DoubletError(
            f"{name} made {doubled.shape[1]}x{doubled.shape[0]} of {width}x{height}: "
            f"it must double the sides"
        )
    return doubled


def called(path: Path) -> str:
    """A subject's name from its file or folder: the last two parts, without the suffix."""
    return "/".join(path.resolve().with_suffix("").parts[-2:])
