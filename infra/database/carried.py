"""The books' counts that are carried forward, so that nobody counts all deliveries."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.models import Base


class CarriedForward(Base):
    """How the deliveries of one partition ended below an offset: they are not counted again.

    There is one of every partition that ever delivered a record.
    """

    __tablename__ = "carried_forward"

    topic: Mapped[str] = mapped_column(String(249), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    upto: Mapped[int] = mapped_column(default=0)
    """The first offset that is not in the counts."""
    done: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    dead: Mapped[int] = mapped_column(default=0)
