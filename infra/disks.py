"""The disks of this machine that Doublet writes to, and the room on them."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.settings import Settings


@dataclass(frozen=True)
class Space:
    """How full a disk is, in bytes."""

    free: int
    """What we may take of it: what is reserved for the system's administrator is not."""
    size: int

    @property
    def free_percent(self) -> float:
        """Of the disk."""
        return 100 * self.free / self.size if self.size else 0.0


def spaces(settings: Settings) -> dict[str, Space]:
    """By what lies there: ``blobs``, ``database``, ``scratch``; what lies elsewhere is left out.

    Several on one disk are one: the first of them.
    """
    found: dict[str, Space] = {}
    devices = set[int]()
    for name, folder in _folders(settings).items():
        try:
            device, usage = os.stat(folder).st_dev, shutil.disk_usage(folder)
        except OSError:
            continue  # it is not made yet, or its disk is away: who writes there says so
        if device not in devices:
            devices.add(device)
            found[name] = Space(usage.free, usage.total)
    return found


def _folders(settings: Settings) -> dict[str, Path]:
    blobs = urlsplit(settings.blobs)
    folders = {"blobs": Path(unquote(blobs.path))} if blobs.scheme == "file" else {}
    if not settings.database_url:
        folders["database"] = settings.doublet_home
    return folders | {"scratch": Path(tempfile.gettempdir())}
