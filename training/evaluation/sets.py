"""What subjects are evaluated on: named sets of pictures, with or without their truth."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from infra.errors import DoubletError
from training.evaluation.subjects import read_picture
from training.features.degradation import Picture, compressed, resized
from training.features.pictures import read, sources

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}

SMALLEST = 16
"""Least side of a truth in pixels: SSIM's window is 11 wide, and 4 are shaved."""

HELD_OUT = "held out"

ASTRO = "astro-"
"""What the names of the training folder's pictures of the sky begin with."""


@dataclass(frozen=True, eq=False)
class Example:
    """One picture to double. It equals only itself, so that sets may share it."""

    name: str
    half: Picture
    """What is doubled: uint8 [h, w, 3]."""
    truth: Picture | None
    """What should come out: uint8 [2h, 2w, 3]; None where nobody knows."""
    grey: bool = False
    """Whether the truth's file was greyscale, which is measured differently."""

    def __post_init__(self) -> None:
        if self.truth is not None and min(self.truth.shape[:2]) < SMALLEST:
            raise DoubletError(f"{self.name} is smaller than {SMALLEST} px: take it away")


@dataclass(frozen=True)
class PictureSet:
    """Pictures whose scores are averaged."""

    name: str
    examples: list[Example]

    def compressed(self, quality: int) -> "PictureSet":
        """The same set, what is doubled once through JPEG."""
        lossy = f", JPEG {quality}"
        return PictureSet(
            self.name + lossy,
            [
                replace(e, name=e.name + lossy, half=compressed(e.half, quality))
                for e in self.examples
            ],
        )

    def of_the_sky(self) -> "PictureSet":
        """The set's astronomical pictures, by their names."""
        return PictureSet(
            f"{self.name}, astro", [e for e in self.examples if e.name.startswith(ASTRO)]
        )


def with_truth(folder: Path) -> PictureSet:
    """A benchmark (`HR/` and `LR_x2/`), or a folder of pictures that are halved here.

    Raises:
        DoubletError: there are no pictures, or one lacks its half or cannot be read.
    """
    folder = existing(folder)
    if (folder / "HR").is_dir():
        return PictureSet(folder.name, benchmark(folder))
    return PictureSet(folder.name, [example(file) for file in files(folder)])


def as_they_are(folder: Path) -> PictureSet:
    """The pictures of a folder, to be doubled although nobody knows the truth.

    Raises:
        DoubletError: there are none, or one cannot be read.
    """
    return PictureSet(
        folder.name, [Example(file.name, read_picture(file), None) for file in files(folder)]
    )


def held_out(folder: Path) -> PictureSet:
    """The pictures of a training folder that no member has learnt from.

    Raises:
        DoubletError: there are none.
    """
    pairs = [read(s) for s in sources(existing(folder)) if s.use != "learning"]
    if not pairs:
        raise DoubletError(f"{folder} has no picture that was held out from training")
    return PictureSet(HELD_OUT, [Example(pair.name, pair.half, pair.full) for pair in pairs])


def benchmark(folder: Path) -> list[Example]:
    """The pairs of a benchmark: `HR/x.png` with `LR_x2/x.png`.

    Raises:
        DoubletError: there are none, or one lacks its half.
    """
    wholes = sorted(folder.glob("HR/*.png"))
    halves = [folder / "LR_x2" / whole.name for whole in wholes]
    if not wholes:
        raise DoubletError(f"{folder} has no HR/*.png with LR_x2/*.png beside it")
    if missing := [str(half) for half in halves if not half.exists()]:
        raise DoubletError(f"{folder} lacks {', '.join(missing)}")
    return [
        Example(whole.stem, read_picture(half), read_picture(whole), is_grey(whole))
        for whole, half in zip(wholes, halves, strict=True)
    ]


def example(path: Path) -> Example:
    """A picture with the half that is made of it."""
    whole = read_picture(path)
    whole = whole[: whole.shape[0] // 2 * 2, : whole.shape[1] // 2 * 2]
    return Example(path.stem, resized(whole, 0.5), whole, is_grey(path))


def files(folder: Path) -> list[Path]:
    """The picture files of a folder, by their suffix.

    Raises:
        DoubletError: there are none.
    """
    found = sorted(path for path in existing(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise DoubletError(f"{folder} has no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def existing(folder: Path) -> Path:
    """`folder` itself.

    Raises:
        DoubletError: there is none.
    """
    if not folder.is_dir():
        raise DoubletError(f"there is no folder {folder}")
    return folder


def is_grey(path: Path) -> bool:
    with Image.open(path) as image:
        return image.mode == "L"


def examples(sets: Iterable[PictureSet]) -> list[Example]:
    """Every example of the sets, once."""
    return list(dict.fromkeys(example for each in sets for example in each.examples))
