"""Transparency that is doubled band by band is that of the whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.canvas import Canvas, doubled_rows
from consumers.picture import Picture
from consumers.tiling import Tiling


@settings(deadline=None)
@given(
    width=st.integers(1, 30),
    cores=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
)
def test_bands_join_to_the_whole(width: int, cores: list[int], seed: int) -> None:
    height = sum(cores)
    alpha = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    wide = Image.fromarray(alpha).resize((2 * width, height), Image.Resampling.BICUBIC)
    whole = np.asarray(wide.resize((2 * width, 2 * height), Image.Resampling.BICUBIC))
    ends = np.cumsum(cores)
    bands = [
        doubled_rows(alpha, slice(2 * (end - core), 2 * end))
        for end, core in zip(ends.tolist(), cores, strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate(bands), whole)


@pytest.mark.parametrize("gamma", [None, 0.45455, 1.0])
def test_the_gamma_is_carried_along(gamma: float | None, tmp_path: Path) -> None:
    picture = Picture(np.zeros((1, 1, 3), np.uint8), "image/png", gamma=gamma)
    with Canvas(picture, tmp_path, Tiling(64, 8), with_spread=False) as canvas:
        canvas.append(np.zeros((2, 2, 3), np.uint8), None)
    with Image.open(canvas.finished(1).file) as result:
        result.load()
        assert result.info.get("gamma") == (gamma and pytest.approx(gamma))
