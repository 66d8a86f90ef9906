"""A model that fails now and then, or answers nonsense: no picture is made of it."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from consumers.doubling import DoublingPolicy
from consumers.halt import Halt, HandedBack
from consumers.pipeline import Journey, ModelSick
from consumers.tile_calls import TileCalls, TileRetryPolicy
from infra.blobs import Blob
from infra.database.models import Image, Outcome, Result
from serving.errors import ModelMisbehaved, ModelServerSlow, ModelServerUnavailable
from serving.model_server import Doubled
from tests.consumers.world import World, png
from tests.fixtures.model_servers import FakeModelServer

TILES = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
AT_ONCE = TileRetryPolicy(most=2, first_rest_s=0.0)


class EveryKth(FakeModelServer):
    """Every k-th call fails."""

    k = 3
    error: type[Exception] = ModelMisbehaved

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        answer = super().double(tiles, version=version, spread=spread)
        if len(self.calls) % self.k == 0:
            raise self.error("this test wants it so")
        return answer


class Nonsense(FakeModelServer):
    """Answers, and every answer is changed."""

    def __init__(self, change: Callable[[Doubled], Any]) -> None:
        super().__init__()
        self.change = change

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        answer = super().double(tiles, version=version, spread=spread)
        return replace(answer, **self.change(answer))


def calls_of(model: FakeModelServer) -> TileCalls:
    return TileCalls(model, version=1, with_spread=True, retry=AT_ONCE)


def pixels_of(world: World) -> NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(world.blobs.get(Blob(world.one(Result).sha256)))) as image:
        return np.asarray(image)


@pytest.mark.parametrize("error", [ModelMisbehaved, ModelServerSlow])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_model_that_fails_every_kth_call_costs_no_attempt(
    world: World, sqlite: Any, tmp_path: Any, k: int, error: type[Exception]
) -> None:
    model = EveryKth(radius=2)
    model.k, model.error = k, error
    world.pipeline = replace(world.pipeline, model=model)
    world.settle(world.claim(png(90, 90)))
    assert world.outcomes() == [Outcome.DONE]
    assert world.one(Image).attempts == 1
    healthy = calls_of(FakeModelServer())
    expected = healthy.double(whole(png(90, 90)), Halt()).doubled[0]
    # But for the edge, which tiles continue by reflection.
    np.testing.assert_array_equal(pixels_of(world)[4:-4, 4:-4], expected[4:-4, 4:-4])


def whole(content: bytes) -> NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(content)) as image:
        return np.asarray(image)[np.newaxis]


def test_only_the_tile_that_failed_is_asked_again() -> None:
    model = FakeModelServer()
    model.failures.extend(ModelMisbehaved("the batch, and then its first tile") for _ in range(2))
    answer = calls_of(model).double(TILES, Halt())
    assert [shape[0] for shape in model.calls] == [4, 1, 1, 1, 1, 1]
    expected = FakeModelServer().double(TILES, version=1, spread=True)
    np.testing.assert_array_equal(answer.doubled, expected.doubled)
    np.testing.assert_array_equal(answer.spread, expected.spread)


def test_a_tile_is_asked_for_a_bounded_number_of_times() -> None:
    model = FakeModelServer()
    model.failures.extend(ModelMisbehaved("always") for _ in range(9))
    with pytest.raises(ModelMisbehaved):
        calls_of(model).double(TILES, Halt())
    assert len(model.calls) == 1 + AT_ONCE.most


def test_a_server_that_is_away_is_not_asked_tile_by_tile() -> None:
    model = FakeModelServer()
    model.failures.append(ModelServerSlow("the deadline passed"))

    def away() -> None:
        raise ModelServerUnavailable("gone")

    model.describe = away  # type: ignore[assignment, method-assign]
    with pytest.raises(ModelServerUnavailable, match="gone"):
        calls_of(model).double(TILES, Halt())
    assert len(model.calls) == 1


def test_stopping_is_seen_between_two_tiles() -> None:
    halt = Halt()

    class Stops(FakeModelServer):
        def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
            halt.request()
            raise ModelMisbehaved("and the consumer stops")

    with pytest.raises(HandedBack):
        calls_of(Stops()).double(TILES, halt)


NONSENSE: dict[str, Callable[[Doubled], Any]] = {
    "NaN": lambda it: {"doubled": np.full(it.doubled.shape, np.nan, np.float32)},
    "one grey level for all": lambda it: {"doubled": it.doubled[:, :1, :1]},
    "not doubled": lambda it: {"doubled": it.doubled[:, ::2, ::2]},
    "a tile too few": lambda it: {"doubled": it.doubled[:-1]},
    "no spread": lambda it: {"spread": None},
    "another spread": lambda it: {"spread": it.spread if it.spread is None else it.spread[:, 1:]},
    "another version": lambda _: {"version": 2},
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_never_becomes_a_picture_and_burns_none(world: World, kind: str) -> None:
    policies = replace(
        world.pipeline.policies, doubling=DoublingPolicy(32, 4, True, TileRetryPolicy(1, 0.0))
    )
    model = Nonsense(NONSENSE[kind])
    world.pipeline = replace(world.pipeline, model=model, policies=policies)
    journey = Journey(world.pipeline, world.claim(png()))
    with pytest.raises(ModelSick, match="plain grey"):
        journey.run()
    assert world.outcomes() == [None]
    assert world.all(Result) == []
    model.change = lambda _: {}
    journey.run()
    assert world.outcomes() == [Outcome.DONE]
