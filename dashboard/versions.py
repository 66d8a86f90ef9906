"""Which version doubles, which waits for promotion, and which can be gone back to."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.health import AVAILABLE
from serving.model_server import VersionStatus


@dataclass(frozen=True)
class Roles:
    """What each version of a model is for."""

    stable: int | None
    """Doubles every picture; None where there is nothing to double with."""
    chosen: bool
    """Whether a person chose it; otherwise it is the newest."""
    available: tuple[int, ...]
    """What the model server has loaded, the newest first."""

    @property
    def served(self) -> bool:
        """Whether the stable version is loaded."""
        return self.stable in self.available

    @property
    def canary(self) -> int | None:
        """The newest version, where it is not the stable one; it doubles nothing."""
        newest = next(iter(self.available), None)
        return newest if newest is not None and newest > (self.stable or 0) else None

    @property
    def earlier(self) -> tuple[int, ...]:
        """What can be gone back to, the newest first."""
        return tuple(version for version in self.available if version < (self.stable or 0))

    def of(self, version: int) -> str:
        """``stable``, ``canary``, or nothing."""
        if version == self.stable:
            return "stable"
        return "canary" if version == self.canary else ""


def roles(versions: Sequence[VersionStatus], chosen: int | None) -> Roles:
    """Of what the server knows and what a person chose."""
    available = sorted((it.version for it in versions if it.state == AVAILABLE), reverse=True)
    stable = chosen if chosen is not None else next(iter(available), None)
    return Roles(stable, chosen is not None, tuple(available))
