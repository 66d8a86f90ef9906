"""Room on the disk for a result in the making."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.errors import Unavailable


class NoScratchSpace(Unavailable):
    """The disk for results in the making is full or away."""

    part = "room on the disk"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for one result, gone afterwards.

    Raises:
        NoScratchSpace: it cannot be made, or its disk is full.
    """
    try:
        with TemporaryDirectory(prefix="doublet-") as folder:
            yield Path(folder)
    except OSError as error:
        raise NoScratchSpace(f"no room for a result: {error}; TMPDIR names another disk") from error
