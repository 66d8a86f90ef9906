"""A small ensemble, exported once; and no test's precision reaches another."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from training.compact import detail
from training.export import Card, write

CARD = Card(
    members=2, parameters=0, radius=3, training_data="noise", trained="2026-01-01", commit="abc"
)


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    """`doublet train` sets Keras's for its process, which is a command's own outside of tests."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="session")
def small_networks() -> list[keras.Model]:
    """Two small members that add something, each its own."""
    chance = np.random.default_rng(8)
    made = [detail(width=8, depth=1, seed=seed) for seed in range(2)]
    for network in made:
        network.set_weights([w + chance.normal(0, 0.05, w.shape) for w in network.get_weights()])
    return made


@pytest.fixture(scope="session")
def small_model(
    small_networks: list[keras.Model], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("models") / "doublet" / "1"
    folder.mkdir(parents=True)
    (folder / "stale").touch()
    write(small_networks, CARD, folder)
    return folder
