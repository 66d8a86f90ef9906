"""What the pipeline may rely on, of the real server and of the fake that tests put in its place."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from serving import contract
from serving.client import GrpcModelServer, ModelServer
from serving.errors import ModelRefused, ModelServerUnavailable, VersionGone
from tests.fixtures.model_servers import FakeModelServer, RunningModelServer
from tests.fixtures.ports import free_ports


@pytest.fixture(params=["fake", "embedded"])
def server(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    if request.param == "fake":
        yield FakeModelServer()
        return
    running: RunningModelServer = request.getfixturevalue("embedded_model_server")
    client = GrpcModelServer(running.address)
    yield client
    client.close()


@pytest.fixture(params=["fake", "embedded"])
def without_spread(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    if request.param == "fake":
        yield FakeModelServer(has_spread=False, name=contract.DOUBLET_FAST)
        return
    running: RunningModelServer = request.getfixturevalue("embedded_model_server")
    client = GrpcModelServer(running.address, contract.DOUBLET_FAST)
    yield client
    client.close()


@pytest.fixture(params=["fake", "grpc"])
def nobody(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    if request.param == "fake":
        fake = FakeModelServer()
        fake.away = True
        yield fake
        return
    client = GrpcModelServer(f"127.0.0.1:{free_ports(1)[0]}")
    yield client
    client.close()


def picture(count: int = 2, height: int = 12, width: int = 17) -> NDArray[np.uint8]:
    shape = (count, height, width, contract.CHANNELS)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_a_model_describes_itself(server: ModelServer) -> None:
    model = server.describe()

    assert model.name == contract.DOUBLET
    assert model.version == 1
    assert model.radius > 0
    assert model.stride > 0
    assert model.members == model.card[contract.MEMBERS] == 3
    assert model.has_spread


def test_a_model_without_spread_says_so(without_spread: ModelServer) -> None:
    assert not without_spread.describe().has_spread


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (12, 17)])
def test_tiles_are_doubled(server: ModelServer, height: int, width: int) -> None:
    tiles = picture(3, height, width)

    answer = server.double(tiles, version=1, spread=False)

    assert answer.doubled.shape == (3, 2 * height, 2 * width, 3)
    assert answer.doubled.dtype == np.uint8
    assert answer.spread is None
    assert answer.version == 1


def test_spread_comes_when_asked_for(server: ModelServer) -> None:
    answer = server.double(picture(), version=1, spread=True)

    assert answer.spread is not None
    assert answer.spread.shape == (2, 24, 34)
    assert answer.spread.dtype == np.uint8
    assert answer.spread.any()


def test_the_same_tiles_give_the_same_answer(server: ModelServer) -> None:
    first, second = (server.double(picture(), version=1, spread=True) for _ in range(2))

    np.testing.assert_array_equal(first.doubled, second.doubled)


def test_a_pixel_depends_on_its_neighbourhood_and_on_nothing_beyond(server: ModelServer) -> None:
    radius = server.describe().radius
    tiles = np.full((1, 31, 31, 3), 128, np.uint8)
    changed = tiles.copy()
    changed[0, 15, 15] = 255
    inside = slice(2 * (15 - radius), 2 * (15 + radius + 1))

    before = server.double(tiles, version=1, spread=False).doubled[0].astype(int)
    after = server.double(changed, version=1, spread=False).doubled[0].astype(int)
    difference = np.abs(after - before)

    assert difference[inside, inside].any()
    difference[inside, inside] = 0
    assert not difference.any()


def test_spread_of_a_model_without_is_refused(without_spread: ModelServer) -> None:
    with pytest.raises(ModelRefused, match="spread"):
        without_spread.double(picture(), version=1, spread=True)


def test_a_version_that_is_not_served_is_gone(server: ModelServer) -> None:
    with pytest.raises(VersionGone):
        server.double(picture(), version=99, spread=False)


@pytest.mark.parametrize(
    "tiles",
    [
        picture().astype(np.float32),
        picture()[0],
        picture()[..., :1],
        picture()[:0],
        picture(height=0),
    ],
    ids=["float", "no batch", "grey", "no tiles", "no height"],
)
def test_tiles_that_break_the_contract_are_refused(
    server: ModelServer, tiles: NDArray[np.uint8]
) -> None:
    with pytest.raises(ModelRefused):
        server.double(tiles, version=1, spread=False)


def test_the_status_names_versions_states_and_labels(server: ModelServer) -> None:
    (version,) = server.status()

    assert (version.version, version.state, version.error) == (1, "AVAILABLE", "")
    assert version.labels == (contract.STABLE,)


def test_a_server_that_is_away_is_unavailable(nobody: ModelServer) -> None:
    with pytest.raises(ModelServerUnavailable):
        nobody.describe()
    with pytest.raises(ModelServerUnavailable):
        nobody.double(picture(), version=1, spread=False)
    with pytest.raises(ModelServerUnavailable):
        nobody.status()
