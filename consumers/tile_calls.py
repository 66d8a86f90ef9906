"""Calls of the model: a batch of tiles goes out as one, and where that fails, tile by tile.

What is asked again is only what failed, a bounded number of times; a large picture so survives
faults that come more often than it has tiles. Only then is the picture itself tried again.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from consumers.halt import Halt
from consumers.metrics import TILE_CALLS, TILE_RETRIES
from consumers.picture import Pixels
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerSlow,
    ModelServerUnavailable,
    VersionGone,
)
from serving.model_server import Doubled, ModelServer, require_doubled

_OUTCOMES = {
    ModelServerSlow: "slow",
    ModelServerUnavailable: "away",
    VersionGone: "gone",
    ModelMisbehaved: "misbehaved",
    ModelRefused: "refused",
}
"""How a call that failed is counted: by the first of these that its error is."""


@dataclass(frozen=True)
class TileRetryPolicy:
    """How often a tile is asked for alone after its batch has failed, and the rests before."""

    most: int = 2
    first_rest_s: float = 0.2
    """Doubled each time, with jitter: a fault of a moment is over by then."""

    def rest_s(self, number: int) -> float:
        """How long to rest before the retry of this number, counted from 1."""
        longest = self.first_rest_s * 2.0 ** (number - 1)
        return random.uniform(longest / 2, longest)


@dataclass(frozen=True)
class TileCalls:
    """The way to one version of the model, for one kind of answer."""

    model: ModelServer
    version: int
    with_spread: bool
    retry: TileRetryPolicy

    def double(self, tiles: Pixels, halt: Halt) -> Doubled:
        """Double a batch of tiles.

        Raises:
            ModelMisbehaved, ModelServerSlow: a tile failed as often as it may be asked for.
            ModelServerError: as `ModelServer.double` does.
            HandedBack: stopping was asked for.
        """
        halt.check()
        try:
            return self.ask(tiles)
        except (ModelMisbehaved, ModelServerSlow) as error:
            self._require_presence(error)
        return _joined([self._retried(tile[np.newaxis], halt) for tile in tiles])

    def _retried(self, tile: Pixels, halt: Halt) -> Doubled:
        for number in range(1, self.retry.most):
            halt.rest(self.retry.rest_s(number))
            TILE_RETRIES.inc()
            try:
                return self.ask(tile)
            except (ModelMisbehaved, ModelServerSlow) as error:
                self._require_presence(error)
        halt.rest(self.retry.rest_s(self.retry.most))
        TILE_RETRIES.inc()
        return self.ask(tile)

    def ask(self, tiles: Pixels) -> Doubled:
        """Ask once, and check the answer.

        Raises:
            ModelMisbehaved: it breaks the contract.
            ModelServerError: as `ModelServer.double` does.
        """
        with _counted():
            answer = self.model.double(tiles, version=self.version, spread=self.with_spread)
            require_doubled(answer, tiles, version=self.version, spread=self.with_spread)
        return answer

    def _require_presence(self, error: Exception) -> None:
        # A server that does not answer at all is not asked tile by tile.
        if isinstance(error, ModelServerSlow):
            self.model.describe()


@contextmanager
def _counted() -> Iterator[None]:
    """Count a call by what comes of it."""
    try:
        yield
    except tuple(_OUTCOMES) as error:
        outcome = next(name for kind, name in _OUTCOMES.items() if isinstance(error, kind))
        TILE_CALLS.labels(outcome).inc()
        raise
    TILE_CALLS.labels("ok").inc()


def _joined(answers: Sequence[Doubled]) -> Doubled:
    spreads = [answer.spread for answer in answers if answer.spread is not None]
    return Doubled(
        doubled=np.concatenate([answer.doubled for answer in answers]),
        spread=np.concatenate(spreads) if spreads else None,
        version=answers[0].version,
    )
