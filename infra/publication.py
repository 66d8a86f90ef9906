"""Whether what came of a picture may leave the house."""

from dataclasses import dataclass

from infra.database.models import Lane
from infra.settings import Settings


@dataclass(frozen=True)
class PublicationPolicy:
    """What is told to everybody, and what is kept private and marked so."""

    copyrighted: bool = False
    """Whether APOD's pictures are published that somebody has the copyright of."""

    @classmethod
    def of(cls, settings: Settings) -> "PublicationPolicy":
        """As the settings have it."""
        return cls(settings.publish_copyrighted)

    def is_private(self, lane: Lane, copyright: str | None) -> bool:
        """Whether a picture is kept in the house.

        It is about what we take by ourselves: whoever hands a picture in answers for its rights.
        """
        return lane is Lane.APOD and copyright is not None and not self.copyrighted
