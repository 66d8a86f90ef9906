"""Several checkpoints as one Keras file."""

from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES
from training.averaged import averaged
from training.evaluation.keras_file import KerasFile, stride
from training.fitting import checkpoint
from training.fitting.recipe import RECIPES


def write(folder: Path, architecture: str, seed: int) -> Path:
    chance = np.random.default_rng(seed)
    network = ARCHITECTURES[architecture].build()
    best = [w + chance.normal(0, 0.01, w.shape) for w in network.get_weights()]
    file = folder / f"{architecture}-{seed}.npz"
    recipe = replace(RECIPES["study"], architecture=architecture)
    checkpoint.write(file, {"best": best}, {"recipe": asdict(recipe)})
    return file


def test_the_mean_survives_a_file(tmp_path: Path) -> None:
    files = [write(tmp_path, "srcnn-subpixel", seed) for seed in (1, 2)]
    averaged(files).save(tmp_path / "mean.keras")
    picture = np.random.default_rng(3).random((1, 9, 7, 3), np.float32)
    one, other = (np.asarray(averaged([file])(picture)) for file in files)
    assert np.abs(one - other).max() > 1e-3
    loaded = keras.saving.load_model(tmp_path / "mean.keras")
    np.testing.assert_allclose(np.asarray(loaded(picture)), (one + other) / 2, atol=1e-6)


def test_the_mean_is_evaluated_as_its_members_are(tmp_path: Path) -> None:
    """Its white is known, and its sides are multiples of what a member's are."""
    averaged([write(tmp_path, "unet", seed) for seed in (1, 2)]).save(tmp_path / "mean.keras")
    assert stride(keras.saving.load_model(tmp_path / "mean.keras")) == 64
    doubled = KerasFile(tmp_path / "mean.keras").double(np.zeros((9, 7, 3), np.uint8))
    assert doubled.shape == (18, 14, 3)


def test_only_one_kind_can_be_averaged(tmp_path: Path) -> None:
    files = [write(tmp_path, "srcnn", 1), write(tmp_path, "srcnn-subpixel", 1)]
    with pytest.raises(DoubletError, match="these are srcnn and srcnn-subpixel"):
        averaged(files)
