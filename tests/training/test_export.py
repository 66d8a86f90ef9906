"""What is exported answers the contract when loaded as TensorFlow Serving loads it."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from infra.errors import DoubletError
from serving import contract
from training.compact import detail, member
from training.evaluation.saved_model import SavedModel
from training.export import WARM_UP
from training.features.degradation import rounded
from training.fitting.members import members_files, networks


@pytest.fixture(scope="module")
def served(small_model: Path) -> SavedModel:
    return SavedModel(small_model)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (3, 8, 8)])
def test_it_answers_the_contract(
    served: SavedModel, small_networks: list[keras.Model], shape: tuple[int, int, int]
) -> None:
    n, h, w = shape
    tiles = np.random.default_rng(9).integers(0, 256, (n, h, w, 3), np.uint8)
    doubled = served.run(tiles, contract.DOUBLED)
    spread = served.run(tiles, contract.SPREAD)
    assert doubled.dtype == spread.dtype == np.uint8
    assert doubled.shape == (n, 2 * h, 2 * w, 3)
    assert spread.shape == (n, 2 * h, 2 * w)
    levels = tiles.astype(np.float32)
    mean = np.mean([member(network)(levels) for network in small_networks], axis=0)
    assert np.abs(doubled.astype(int) - rounded(mean)).max() <= 1
    bicubic = member(detail())(levels).numpy()
    assert np.abs(doubled - bicubic).max() > 1


def test_it_describes_itself_once_for_each_tile(served: SavedModel) -> None:
    tiles = np.zeros((3, 1, 1, 3), np.uint8)
    radius, stride = (
        served.run(tiles, name, contract.DESCRIBE) for name in (contract.RADIUS, contract.STRIDE)
    )
    assert radius.dtype == stride.dtype == np.int32
    assert radius.tolist() == [3, 3, 3]
    assert stride.tolist() == [1, 1, 1]
    assert served.run(tiles, contract.CARD, contract.DESCRIBE).shape == (3,)
    assert served.card[contract.MEMBERS] == 2
    assert served.card["colour_range"] == "sRGB 0-255"


def test_the_version_folder_is_replaced_as_a_whole(small_model: Path) -> None:
    assert not (small_model / "stale").exists()
    assert [path.name for path in small_model.parent.iterdir()] == ["1"]


def test_weights_are_stored_once(small_model: Path, small_networks: list[keras.Model]) -> None:
    stored = sum(path.stat().st_size for path in small_model.glob("variables/*.data*"))
    weights = sum(4 * network.count_params() for network in small_networks)
    assert weights <= stored < 1.5 * weights + 2000


def test_the_warm_up_request_is_one_that_the_model_answers(
    small_model: Path, served: SavedModel
) -> None:
    (record,) = tf.data.TFRecordDataset([str(small_model / WARM_UP)]).as_numpy_iterator()
    request = PredictionLog.FromString(record).predict_log.request
    assert request.model_spec.name == contract.DOUBLET
    tiles = tf.make_ndarray(request.inputs[contract.TILES])
    assert served.run(tiles, contract.DOUBLED).shape == (1, 512, 512, 3)


def test_a_network_without_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match=r"no checkpoint .*fast\.npz"):
        networks([tmp_path / "fast.npz"])


def test_members_without_checkpoints_are_named(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match=r"lacks member-0\.npz, .*member-f\.npz"):
        members_files(tmp_path)
