"""What the database knows of dead letters: which there are, and what became of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Update, func, select, update

from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import DeadLetter, Image, LetterState
from infra.errors import DoubletError
from infra.eventlog.reading import Offsets

OPEN = frozenset({LetterState.WAITING, LetterState.QUARANTINED, LetterState.REPLAYING})
"""What an operator has still to decide about."""


class NoSuchLetter(DoubletError):
    """There is no dead letter of that number."""


@dataclass(frozen=True)
class Selection:
    """Which letters are meant: those of a state that are named, or of a reason, or all."""

    states: frozenset[LetterState] = frozenset(LetterState)
    ids: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        """As the database understands it."""
        conditions: list[ColumnElement[bool]] = [DeadLetter.state.in_(sorted(self.states))]
        if self.ids:
            conditions.append(DeadLetter.id.in_(self.ids))
        if self.reasons:
            conditions.append(DeadLetter.reason.in_(self.reasons))
        return conditions


@dataclass(frozen=True)
class Line:
    """One letter in a list, with the name of its picture where it has one."""

    letter: DeadLetter
    name: str | None


class Ledger:
    """Reads and changes the states of dead letters, one short transaction for each step.

    Every method raises DatabaseUnavailable when the database is away.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def lines(self, selection: Selection, most: int) -> list[Line]:
        """The newest letters first."""
        letters = (
            select(DeadLetter, Image.name)
            .outerjoin(Image, DeadLetter.image_id == Image.id)
            .where(*selection.conditions())
            .order_by(DeadLetter.id.desc())
            .limit(most)
        )
        with self._database.reading() as session:
            return [Line(letter, name) for letter, name in session.execute(letters)]

    def counts(self, selection: Selection) -> dict[str, int]:
        """How many there are of each reason, the most frequent first."""
        count = func.count()
        counted = (
            select(DeadLetter.reason, count)
            .where(*selection.conditions())
            .group_by(DeadLetter.reason)
            .order_by(count.desc(), DeadLetter.reason)
        )
        with self._database.reading() as session:
            return dict(session.execute(counted).all())

    def ids(self, selection: Selection) -> Sequence[int]:
        """In the order in which they failed."""
        found = select(DeadLetter.id).where(*selection.conditions()).order_by(DeadLetter.id)
        with self._database.reading() as session:
            return session.scalars(found).all()

    def get(self, letter_id: int) -> DeadLetter:
        """One letter.

        Raises:
            NoSuchLetter: there is none.
        """
        with self._database.reading() as session:
            letter = session.get(DeadLetter, letter_id)
        if letter is None:
            raise NoSuchLetter(f"there is no dead letter {letter_id}")
        return letter

    def claim(self, letter: DeadLetter, ends: Offsets) -> datetime | None:
        """Note, before a letter is sent again, that it is about to be.

        Args:
            letter: as it was read; a letter that has changed since is not claimed.
            ends: where the partitions of its topic end now.

        Returns:
            The moment of the claim; None if somebody else was quicker.
        """
        now = self._clock()
        claim = (
            update(DeadLetter)
            .where(DeadLetter.id == letter.id, DeadLetter.state == letter.state)
            .values(state=LetterState.REPLAYING, claimed_at=now, claimed_ends=json.dumps(ends))
        )
        return now if self._change(claim) else None

    def note_replayed(self, letter_id: int, partition: int, offset: int) -> None:
        """It was sent again, and Kafka has it there."""
        with self._database.transaction() as session:
            letter = session.get_one(DeadLetter, letter_id, with_for_update=True)
            letter.state, letter.claimed_ends = LetterState.REPLAYED, None
            letter.replayed_partition, letter.replayed_offset = partition, offset

    def release(self, letter_id: int, claimed_at: datetime, back_to: LetterState) -> bool:
        """Undo a claim after which nothing was sent; False if it is no longer that claim."""
        release = (
            update(DeadLetter)
            .where(
                DeadLetter.id == letter_id,
                DeadLetter.state == LetterState.REPLAYING,
                DeadLetter.claimed_at == claimed_at,
            )
            .values(state=back_to, claimed_at=None, claimed_ends=None)
        )
        return self._change(release) == 1

    def discard(self, selection: Selection) -> int:
        """Give letters up; answers how many. None of them is replayed from then on.

        By its number, also what an interrupted replay has in hand.
        """
        if selection.ids:
            states = selection.states | {LetterState.REPLAYING}
            selection = replace(selection, states=states)
        return self._put(selection, LetterState.DISCARDED)

    def quarantine(self, selection: Selection) -> int:
        """Keep waiting letters from being replayed with others; answers how many."""
        waiting = replace(selection, states=selection.states & {LetterState.WAITING})
        return self._put(waiting, LetterState.QUARANTINED)

    def _put(self, selection: Selection, state: LetterState) -> int:
        return self._change(update(DeadLetter).where(*selection.conditions()).values(state=state))

    def _change(self, statement: Update) -> int:
        """Answers how many rows it changed."""
        with self._database.transaction() as session:
            changed = cast(CursorResult[Any], session.execute(statement))
            return changed.rowcount


def ends_at_claim(letter: DeadLetter) -> Offsets:
    """Where the partitions of a letter's topic ended when its replay began."""
    ends: dict[str, int] = json.loads(letter.claimed_ends or "{}")
    return {int(partition): offset for partition, offset in ends.items()}
