"""Pictures to learn from, made up."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.features.sources import PARTS, Source


def save_one_of_each(folder: Path) -> None:
    """A picture for each of the sixteen parts, and one for validation."""
    folder.mkdir(exist_ok=True)
    groups: set[str] = set()
    for seed in range(1000):
        pixels = np.random.default_rng(seed).integers(0, 256, (13, 13, 3), np.uint8)
        path = folder / f"{seed}.png"
        Image.fromarray(pixels).resize((104, 104)).save(path)
        group = Source(path, hashlib.sha256(path.read_bytes()).hexdigest()).group
        if group == "test" or group in groups:
            path.unlink()
        groups.add(group)
        if len(groups - {"test"}) == PARTS + 1:
            return
    pytest.fail("a thousand pictures, and none for some part")
