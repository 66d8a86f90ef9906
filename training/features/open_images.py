"""Open Images' own lists: CSVs that say of each picture its id, licence, author and rotation."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from infra.errors import DoubletError
from training.features.sources import Source

HEX_DIGITS = frozenset("0123456789abcdef")


def listed(listing: Path, pictures: Path) -> Iterator[Source]:
    """A source for each row; `pictures` holds `<ImageID>.jpg`, as the dataset's downloader does.

    A file that is not there is found out when it is read.

    Raises:
        DoubletError: it is no such list.
    """
    try:
        with listing.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "ImageID" not in (rows.fieldnames or ()):
                raise DoubletError(
                    f"{listing} has no column ImageID: give one of Open Images' lists"
                )
            for row in rows:
                yield _source(row, pictures, f"{listing}, line {rows.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DoubletError(f"{listing} cannot be read: {error}") from error


def _source(row: dict[str, str | None], pictures: Path, where: str) -> Source:
    image_id = row["ImageID"] or ""
    if len(image_id) < 2 or not set(image_id) <= HEX_DIGITS:
        raise DoubletError(f"{where}: {image_id!r} is no ImageID (hex digits)")
    return Source(
        pictures / f"{image_id}.jpg",
        image_id,
        f"{image_id}.jpg",
        _rotation(row.get("Rotation") or "nan", where),
        row.get("License") or "",
        row.get("Author") or "",
    )


def _rotation(text: str, where: str) -> int | None:
    """Degrees counterclockwise; None where the list does not know (`nan`, or no such column)."""
    try:
        degrees = float(text)
    except ValueError:
        degrees = math.inf
    if math.isnan(degrees):
        return None
    if degrees not in (0, 90, 180, 270):
        raise DoubletError(f"{where}: {text!r} is no Rotation (0, 90, 180, 270 or nan)")
    return int(degrees)
