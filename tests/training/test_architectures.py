"""Every architecture in full size: its parameters, shapes and reach; and SRGAN's own loop."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from training.architectures import ARCHITECTURES
from training.architectures.blocks import normalised
from training.architectures.edsr import DIV2K_MEAN, edsr
from training.architectures.srgan import (
    Srgan,
    adversarial_loss,
    content_loss,
    discriminator,
    vgg19,
)
from training.architectures.srresnet import srresnet
from training.compact import MID_GREY

architectures = pytest.mark.parametrize("name", ARCHITECTURES)


@cache
def built(name: str) -> keras.Model:
    return ARCHITECTURES[name].build()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape, np.float32)


def array(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


# Kernels and biases: side * side * from * to + to.
PARAMETERS = {
    "compact": 896 + 6 * 9_248 + 3_468,
    "unet": 11_563_655,
    "srcnn": 109_827,
    "srcnn-subpixel": 81_123,
    "vdsr": 1_792 + 18 * 36_928 + 1_731,
    # First; blocks; after them; one doubling; last. Normalising adds 4 * 64 for each of 32.
    "edsr": 1_792 + 32 * 36_928 + 36_928 + 147_712 + 1_731,
    "edsr-leaky-relu": 1_792 + 32 * 36_928 + 36_928 + 147_712 + 1_731,
    "edsr-extra-relu": 1_792 + 32 * 36_928 + 36_928 + 147_712 + 1_731,
    "edsr-batch-norm": 1_792 + 32 * (36_928 + 256) + 36_928 + 147_712 + 1_731,
    "rdn": 838_835,
    "rdn-prelu": 839_411,
    # With PReLU's 64 slopes after the first convolution, in each block and after the doubling.
    "srresnet": 15_616 + 64 + 16 * (2 * 37_184 + 64) + 37_184 + 147_776 + 15_555,
    "srresnet-dense": (
        15_616 + 64 + 16 * (18_464 + 27_680 + 36_896 + 96 + 10_304) + 37_184 + 147_776 + 15_555
    ),
}


@architectures
def test_parameters(name: str) -> None:
    assert built(name).count_params() == PARAMETERS[name]


UNET_BLOCKS = {
    "c1": 84,
    "c2": 448,
    "c3": 4_640,
    "c4": 18_496,
    "c5": 73_856,
    "c6": 295_168,
    "c7": 1_180_160,
    "bottleneck": 525_312,
    "t1": 7_078_400,
    "t2": 1_769_728,
    "t3": 442_496,
    "t4": 110_656,
    "t5": 27_680,
    "t6": 6_928,
    "t7": 1_376,
    "head1": 9_344,
    "head2": 18_448,
    "head3": 435,
}


def test_the_reference_member_block_by_block() -> None:
    layers = [layer for layer in built("unet").layers if layer.count_params()]
    assert {layer.name: layer.count_params() for layer in layers} == UNET_BLOCKS
    assert 16 * built("unet").count_params() == 185_018_480


def test_the_reference_members_shapes() -> None:
    unet = built("unet")
    names = ["c1", "c7", "bottleneck", "t1", "t7"]
    inner = keras.Model(unet.inputs, [unet.get_layer(name).output for name in names])
    shapes = [tuple(output.shape[1:]) for output in inner([noise(1, 128, 128, 3)])]
    assert shapes == [(128, 128, 3), (2, 2, 512), (2, 2, 1024), (4, 4, 512), (256, 256, 8)]


def test_four_times_the_sides() -> None:
    """The study's 1,525,763 parameters have batch normalisation, its 1,517,571 have not.

    (The other variants add functions without parameters, as those at twice the sides show.)
    """
    plain = edsr(4)
    assert plain.count_params() == 1_517_571
    assert plain(noise(1, 1, 3, 3)).shape == (1, 4, 12, 3)
    assert edsr(4, normalisation=normalised).count_params() == 1_525_763
    assert srresnet(4).count_params() == PARAMETERS["srresnet"] + 147_776 == 1_554_883
    with pytest.raises(ValueError, match="2 or 4, not 3"):
        edsr(3)


@architectures
def test_sides_are_doubled(name: str) -> None:
    """The least height, and an odd width."""
    architecture, network = ARCHITECTURES[name], built(name)
    height, width = architecture.stride, 3 * architecture.stride
    doubled = network(architecture.white * noise(2, height, width, 3))
    assert doubled.shape == (2, 2 * height, 2 * width, 3)
    assert keras.backend.standardize_dtype(doubled.dtype) == "float32"
    assert np.isfinite(array(doubled)).all()


def test_the_reference_member_needs_multiples_of_its_stride() -> None:
    assert ARCHITECTURES["unet"].stride == 64
    with pytest.raises(Exception, match=r"(?i)shape|dimension"):
        built("unet")(noise(1, 64, 96, 3))


@pytest.fixture
def _bfloat16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("_bfloat16")
@pytest.mark.parametrize("name", ["unet", "srcnn", "edsr", "rdn"])
def test_what_leaves_a_mixed_precision_network_is_float32(name: str) -> None:
    network = ARCHITECTURES[name].build()
    assert network.layers[-1].compute_dtype == network.outputs[0].dtype == "float32"
    assert "bfloat16" in {layer.compute_dtype for layer in network.layers}


@pytest.mark.usefixtures("_bfloat16")
@pytest.mark.parametrize("name", ["srcnn-subpixel", "vdsr"])
def test_without_its_last_layer_a_residual_network_is_an_unrounded_upscale(name: str) -> None:
    network = ARCHITECTURES[name].build()
    last = [layer for layer in network.layers if layer.count_params()][-1]
    last.set_weights([np.zeros_like(weight) for weight in last.get_weights()])
    level = np.float32(0.7)  # bfloat16 would make it 0.699
    doubled = array(network(np.full((1, 4, 5, 3), level)))
    np.testing.assert_allclose(doubled, level, rtol=1e-5)


def test_the_reference_member_stays_between_black_and_white() -> None:
    doubled = array(built("unet")(100 * noise(1, 64, 64, 3)))
    assert 0 <= doubled.min() < doubled.max() <= 1


@architectures
def test_kept_as_one_keras_file(name: str, tmp_path: Path) -> None:
    architecture = ARCHITECTURES[name]
    network = built(name)
    network.save(tmp_path / "member.keras")
    loaded = keras.saving.load_model(tmp_path / "member.keras")
    picture = architecture.white * noise(1, architecture.stride, architecture.stride, 3)
    np.testing.assert_allclose(array(loaded(picture)), array(network(picture)), rtol=1e-5)


SILENT = {"compact": MID_GREY, "edsr": DIV2K_MEAN}
"""The colour at which a network's features are all zero, where it is not black."""


def even(layer: keras.layers.Layer) -> list[np.ndarray]:
    """Weights with which every influence is positive, so that none cancels another."""
    weights: list[np.ndarray] = layer.get_weights()
    if isinstance(layer, keras.Model):
        return [np.full(w.shape, w.ndim == 4, np.float32) for w in weights]
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
        return weights
    kernel, bias = weights
    inputs = kernel.shape[2] if isinstance(layer, keras.layers.Conv2D) else kernel.shape[3]
    return [np.full(kernel.shape, 1 / inputs), np.zeros(bias.shape)]


@architectures
def test_the_radius_is_how_far_a_pixel_reaches(name: str) -> None:
    architecture, network = ARCHITECTURES[name], built(name)
    stride, radius = architecture.stride, architecture.radius
    # One that is not at a multiple of the stride: the reference member's reach is widest there.
    place = stride * -(-radius // stride) + 1
    width = stride * -(-2 * place // stride) + stride
    silent = np.zeros((2, stride, width, 3), np.float32)
    silent += np.array(SILENT.get(name.split("-")[0], 0.0), np.float32)
    spots = silent.copy()
    # Bright and dark: a bicubic upscale's outermost weights are negative, and ReLU drops those.
    spots[:, 0, place] += np.array([[architecture.white], [-architecture.white]], np.float32)

    weights = network.get_weights()
    for layer in network.layers:
        layer.set_weights(even(layer))
    differs = array(network(spots)) != array(network(silent[:1]))
    network.set_weights(weights)

    distances = np.abs(np.argwhere(differs)[:, 2] // 2 - place)
    assert distances.max() == radius


@pytest.fixture(scope="module")
def gan() -> Srgan:
    """Small, with one random convolution in the place of VGG19, and levels to 255 as there."""
    keras.utils.set_random_seed(11)
    tiles = keras.Input((None, None, 3))
    normal = keras.layers.BatchNormalization()(keras.layers.Conv2D(12, 3, padding="same")(tiles))
    generator = keras.Model(tiles, keras.ops.depth_to_space(normal, 2))
    stand_in = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Rescaling(255.0), keras.layers.Conv2D(4, 3)]
    )
    return Srgan(generator, discriminator(side=16), stand_in)


LOW, HIGH = noise(2, 8, 8, 3), noise(2, 16, 16, 3)


def changed(variables: list[keras.Variable], before: list[np.ndarray]) -> set[bool]:
    pairs = zip(variables, before, strict=True)
    return {bool((array(variable) != old).any()) for variable, old in pairs}


@pytest.mark.slow
def test_a_step_of_srgan_updates_both_and_the_features_not(gan: Srgan) -> None:
    models = (gan.generator, gan.deceiver.discriminator, gan.deceiver.features)
    before = [model.get_weights() for model in models]
    gan.step(LOW, HIGH)
    updated = [changed(m.weights, old) for m, old in zip(models, before, strict=True)]
    assert updated == [{True}, {True}, {False}]


def test_in_its_turn_the_generator_learns_and_the_discriminator_does_not(gan: Srgan) -> None:
    models = (gan.generator, gan.deceiver.discriminator)
    learnt = [model.trainable_variables for model in models]
    before = [[array(variable) for variable in variables] for variables in learnt]
    gan.deceiver.train_on_batch(LOW, HIGH)
    assert [changed(*turn) for turn in zip(learnt, before, strict=True)] == [{True}, {False}]


def test_steps_of_srgan_on_one_batch_lower_both_losses(gan: Srgan) -> None:
    losses = [gan.step(LOW, HIGH) for _ in range(6)]
    assert np.isfinite([(each.discriminator, each.generator) for each in losses]).all()
    assert losses[-1].discriminator < losses[0].discriminator
    assert losses[-1].generator < losses[0].generator


def test_srgans_losses_by_hand() -> None:
    tiles = keras.Input((None, None, 3))
    twice = keras.Model(tiles, 2.0 * tiles)
    black, grey = (np.full((2, 4, 4, 3), level, np.float32) for level in (0.0, 0.5))
    assert float(content_loss(twice, black, grey)) == pytest.approx(1 / 12.75**2)
    judged = keras.ops.convert_to_tensor([[0.5], [0.25]])
    assert float(adversarial_loss(judged)) == pytest.approx(1.5 * math.log(2))


def test_the_papers_discriminator() -> None:
    # Convolutions and what normalises them; then 6 x 6 x 512 to 1024 to 1.
    convolutions = 1_792 + 36_928 + 73_856 + 147_584 + 295_168 + 590_080 + 1_180_160 + 2_359_808
    normalising = 4 * (64 + 2 * 128 + 2 * 256 + 2 * 512)
    dense = (6 * 6 * 512 * 1024 + 1024) + (1024 + 1)
    assert discriminator().count_params() == convolutions + normalising + dense == 23_569_217


def test_a_discriminator_is_kept_as_one_keras_file(tmp_path: Path) -> None:
    judge = discriminator(side=16)
    judge.save(tmp_path / "judge.keras")
    loaded = keras.saving.load_model(tmp_path / "judge.keras")
    pictures = noise(2, 16, 16, 3)
    np.testing.assert_allclose(array(loaded(pictures)), array(judge(pictures)), rtol=1e-5)


def test_vgg19s_features_before_its_last_pooling() -> None:
    features = vgg19(weights=None)
    assert features.count_params() == 20_024_384
    assert features(noise(1, 32, 48, 3)).shape == (1, 2, 3, 512)
