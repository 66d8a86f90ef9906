"""The seam between the pipeline and the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serving import contract
from serving.errors import ModelMisbehaved, ModelRefused


@dataclass(frozen=True)
class ServedModel:
    """What a loaded version says of itself."""

    name: str
    version: int
    radius: int
    """Input pixels around a pixel that its answer depends on: the least width of a halo."""
    stride: int
    """Tiles' sides and corners must be multiples of this many input pixels."""
    members: int
    """Networks in the ensemble."""
    has_spread: bool
    """Whether the members' disagreement can be asked for."""
    card: Mapping[str, Any]
    """Where it comes from: members, colour range, training data, commit and more."""


@dataclass(frozen=True)
class Doubled:
    """A batch of tiles, doubled."""

    doubled: NDArray[np.uint8]
    """uint8 ``[n, 2h, 2w, 3]``, sRGB."""
    spread: NDArray[np.uint8] | None
    """uint8 ``[n, 2h, 2w]`` in quarter grey levels, if it was asked for."""
    version: int


@dataclass(frozen=True)
class VersionStatus:
    """One version that the server knows of."""

    version: int
    state: str
    """``START``, ``LOADING``, ``AVAILABLE``, ``UNLOADING``, ``END`` or ``UNKNOWN``."""
    error: str
    """Why it could not be loaded; empty when nothing went wrong."""
    labels: tuple[str, ...]


class ModelServer(Protocol):
    """The seam between the pipeline and the model: what tests replace.

    A picture calls `describe` once and pins the version that it names in every `double`, so that
    all of its tiles come from one model. Calls may come from many threads.
    """

    def describe(self) -> ServedModel:
        """The version that answers now.

        Raises:
            ModelServerUnavailable: no server, or the model is not loaded yet.
            ModelMisbehaved: the model breaks the contract.
        """
        ...

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        """Double a batch of tiles with exactly this version.

        Args:
            tiles: uint8 ``[n, h, w, 3]``, sRGB, none of the sides 0.
            version: what `describe` named.
            spread: ask for the members' disagreement as well.

        Raises:
            VersionGone: the version is no longer served; start the picture again.
            ModelServerUnavailable: no server, or it is overloaded; wait, nothing is lost.
            ModelRefused: the tiles break the contract, or the model has no spread.
            ModelMisbehaved: the model failed, or its answer breaks the contract.
        """
        ...

    def status(self) -> tuple[VersionStatus, ...]:
        """Every version that the server knows of, the highest first.

        Raises:
            ModelServerUnavailable: no server, or it does not know the model yet.
        """
        ...

    def close(self) -> None:
        """Let go of the connection. No call may follow."""
        ...


def require_tiles(tiles: NDArray[np.uint8]) -> None:
    """Refuse before sending what no server could double.

    Raises:
        ModelRefused: not uint8 ``[n, h, w, 3]``, or nothing in it.
    """
    if tiles.dtype != np.uint8:
        raise ModelRefused(f"tiles must be uint8, not {tiles.dtype}")
    if tiles.ndim != 4 or tiles.shape[3] != contract.CHANNELS or tiles.size == 0:
        raise ModelRefused(f"tiles must be [n, h, w, 3] with no side 0, not {list(tiles.shape)}")


def require_doubled(
    answer: Doubled, tiles: NDArray[np.uint8], *, version: int, spread: bool
) -> None:
    """Refuse an answer before any picture is made of it.

    NaN has no place in it: only whole numbers of 8 bits are taken.

    Raises:
        ModelMisbehaved: of another version, shape or kind of number, or without the spread.
    """
    if answer.version != version:
        raise ModelMisbehaved(f"version {answer.version} answered in place of {version}")
    count, height, width, channels = tiles.shape
    size = (count, contract.SCALE * height, contract.SCALE * width)
    _require_array(contract.DOUBLED, answer.doubled, (*size, channels))
    if spread:
        _require_array(contract.SPREAD, answer.spread, size)


def _require_array(name: str, array: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> None:
    if array is None:
        raise ModelMisbehaved(f"the answer has no `{name}`")
    if array.dtype != np.uint8:
        raise ModelMisbehaved(f"`{name}` is {array.dtype}, expected uint8")
    if array.shape != shape:
        raise ModelMisbehaved(f"`{name}` has shape {list(array.shape)}, expected {list(shape)}")
