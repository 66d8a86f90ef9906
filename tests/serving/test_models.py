"""How what is loaded follows what is wanted, without a server and without TensorFlow's loader."""

from pathlib import Path
from typing import Any

import grpc
import pytest

PAUSE_S = 60.0


class Shelf:
    """A base path, a loader that can be told to fail, and the models made of them."""

    def __init__(self, folder: Path, retries: int = 0) -> None:
        from serving.embedded.models import Models, Retries

        self.folder = folder
        self.broken: set[int] = set()
        self.loaded: list[int] = []
        self.now = 0.0
        self.models: Any = Models(self._load, Retries(retries, PAUSE_S), clock=lambda: self.now)

    def add(self, *names: str) -> None:
        for name in names:
            (self.folder / name).mkdir()

    def serve(self, policy: str = "") -> None:
        from google.protobuf import text_format
        from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

        text = f"""model_config_list {{ config {{
            name: "m" base_path: "{self.folder}" model_platform: "tensorflow"
            model_version_policy {{ {policy} }} }} }}"""
        self.models.configure(text_format.Parse(text, ModelServerConfig()))

    def available(self) -> list[int]:
        return [
            v for v, known in self.models.versions("m").items() if known.state.name == "AVAILABLE"
        ]

    def _load(self, name: str, version: int, path: Path) -> Any:
        from serving.embedded.refusal import Refusal
        from serving.embedded.servable import Servable

        self.loaded.append(version)
        if version in self.broken:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"nothing in {path.name}")

        class Nothing:
            signature_def: dict[str, Any] = {}  # noqa: RUF012

        return Servable(name, version, None, Nothing)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [10]),
        ("latest {}", [10]),
        ("latest { num_versions: 2 }", [10, 3]),
        ("all {}", [10, 3, 2]),
        ("specific { versions: 2 versions: 3 versions: 99 }", [3, 2]),
    ],
)
def test_the_policy_chooses_among_numbered_folders(
    shelf: Shelf, policy: str, served: list[int]
) -> None:
    shelf.add("2", "003", "10", "tmp-11", "12.part", "²")
    (shelf.folder / "13").touch()

    shelf.serve(policy)

    assert shelf.available() == served


def test_the_old_version_goes_only_when_the_new_one_is_there(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.serve()
    shelf.add("2")
    shelf.broken = {2}
    shelf.models.reconcile()
    assert shelf.available() == [1]

    shelf.add("3")
    shelf.models.reconcile()
    assert shelf.available() == [3]


def test_a_broken_version_is_tried_again_after_a_pause_and_then_given_up(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, retries=1)
    shelf.add("1")
    shelf.broken = {1}
    shelf.serve()
    shelf.models.reconcile()
    assert shelf.loaded == [1]
    assert shelf.models.versions("m")[1].state.name == "LOADING"

    shelf.now += PAUSE_S
    shelf.models.reconcile()
    shelf.now += PAUSE_S
    shelf.models.reconcile()

    assert shelf.loaded == [1, 1]
    assert shelf.models.versions("m")[1].state.name == "END"
    assert shelf.models.versions("m")[1].error.message == "nothing in 1"


def test_a_version_that_comes_back_is_loaded_again(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.broken = {1}
    shelf.serve()
    (shelf.folder / "1").rmdir()
    shelf.models.reconcile()
    shelf.broken.clear()
    shelf.add("1")

    shelf.models.reconcile()

    assert shelf.available() == [1]


def test_a_base_path_that_cannot_be_listed_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    shelf.folder = tmp_path / "models"
    shelf.folder.mkdir()
    shelf.add("1")
    shelf.serve()
    shelf.folder.rename(tmp_path / "elsewhere")

    shelf.models.reconcile()

    assert shelf.available() == [1]


def test_when_all_versions_are_removed_none_is_served(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.serve()
    (shelf.folder / "1").rmdir()

    shelf.models.reconcile()

    assert shelf.available() == []
    assert set(shelf.models.unavailable()) == {"m"}
