"""What can be evaluated, and how each says that it cannot."""

import shlex
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES
from training.compact import detail, member
from training.evaluation.keras_file import KerasFile, stride
from training.evaluation.subjects import Bicubic, Command, Lanczos
from training.features.degradation import Picture, resized

COPIER = (
    "import sys; from PIL import Image; i = Image.open(sys.argv[1]); "
    "i.resize((i.width * 2, i.height * 2), 0).save(sys.argv[2])"
)


def python(script: str, rest: str = "{input} {output}") -> Command:
    return Command(f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} {rest}")


@pytest.fixture
def picture() -> Picture:
    return np.random.default_rng(5).integers(0, 256, (9, 13, 3), np.uint8)


def saved(network: keras.Model, folder: Path) -> Path:
    path = folder / "network.keras"
    network.save(path)
    return path


def test_the_plain_upscales_double_and_differ(picture: Picture) -> None:
    bicubic, lanczos = Bicubic().double(picture), Lanczos().double(picture)
    assert bicubic.shape == lanczos.shape == (18, 26, 3)
    assert (bicubic == resized(picture, 2)).all()
    assert (bicubic != lanczos).any()


def test_a_command_is_given_the_picture_and_its_answer_is_read(picture: Picture) -> None:
    assert (python(COPIER).double(picture) == picture.repeat(2, 0).repeat(2, 1)).all()


def test_a_commands_failure_is_one_line_with_its_last_words(picture: Picture) -> None:
    with pytest.raises(DoubletError, match=r"failed with exit code 3: no memory$"):
        python("import sys; print('no memory', file=sys.stderr); sys.exit(3)").double(picture)
    with pytest.raises(DoubletError, match=r"cannot be run: No such file"):
        Command("/absent/program {input} {output}").double(picture)
    with pytest.raises(DoubletError, match=r"wrote no \{output\}"):
        python("pass").double(picture)


def test_a_command_that_does_not_double_is_refused(picture: Picture) -> None:
    script = COPIER.replace("* 2", "* 3")
    with pytest.raises(DoubletError, match="made 39x27 of 13x9: it must double the sides"):
        python(script).double(picture)


@pytest.mark.parametrize("template", ["program {input}", "", "program '{input} {output}"])
def test_a_command_line_without_both_files_is_refused(template: str) -> None:
    with pytest.raises(DoubletError, match="--command"):
        Command(template)


def test_an_untrained_member_from_a_file_is_bicubic(tmp_path: Path, picture: Picture) -> None:
    subject = KerasFile(saved(member(detail(width=8, depth=1)), tmp_path), white=255)
    picture = picture // 2 + np.uint8(64)  # MATLAB rounds between the axes, and clips there
    difference = subject.double(picture).astype(int) - resized(picture, 2)
    assert np.abs(difference).max() <= 1


def test_an_architectures_own_white_is_known(tmp_path: Path, picture: Picture) -> None:
    network = ARCHITECTURES["srcnn-subpixel"].build()
    network.set_weights([w * 0 for w in network.get_weights()])
    subject = KerasFile(saved(network, tmp_path))  # it is a bilinear upscale now
    assert np.abs(subject.double(picture).astype(int) - resized(picture, 2)).mean() < 20


def test_a_foreign_networks_white_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="--white"):
        KerasFile(saved(member(detail(width=8, depth=1)), tmp_path))


def test_a_network_of_the_wrong_scale_is_refused(tmp_path: Path) -> None:
    tiles = keras.Input((None, None, 3))
    network = keras.Model(tiles, keras.layers.UpSampling2D(3)(tiles))
    with pytest.raises(DoubletError, match="must double the sides"):
        KerasFile(saved(network, tmp_path), white=1)


def test_what_is_no_keras_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.keras"
    path.write_text("no network")
    with pytest.raises(DoubletError, match="not a Keras file"):
        KerasFile(path)


@pytest.mark.parametrize("name", ["compact", "unet", "srcnn"])
def test_a_networks_stride_is_seen_from_its_layers(name: str) -> None:
    assert stride(ARCHITECTURES[name].build()) == ARCHITECTURES[name].stride


def test_sides_that_are_no_multiples_of_the_stride_are_filled(
    tmp_path: Path, picture: Picture
) -> None:
    tiles = keras.Input((None, None, 3))
    pooled = keras.layers.MaxPooling2D(8)(tiles)
    upscaled = keras.layers.UpSampling2D(16)(pooled)
    subject = KerasFile(saved(keras.Model(tiles, upscaled), tmp_path), white=1)
    doubled = subject.double(picture)
    assert doubled.shape == (18, 26, 3)
    assert (doubled[:16, :16] == picture[:8, :8].max((0, 1))).all()
