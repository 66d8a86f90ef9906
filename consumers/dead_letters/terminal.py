"""What the commands of `dead-letters` do and say: for people, or for scripts."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from infra.blobs import open_blob_store
from infra.database.engine import Database
from infra.database.models import DeadLetter, LetterState
from infra.dead_letters.ledger import OPEN, Ledger, Line, Selection
from infra.dead_letters.letter import Letter, LetterGone
from infra.dead_letters.replay import SENT, ReplayPolicy, letter_of, open_replay
from infra.errors import DoubletError
from infra.eventlog.reading import LogReader
from infra.events.reasons import Reason
from infra.settings import settings

_SHORTEST_TEXT = 400
"""Characters of a value that is text which `show` prints."""


class BadSelection(DoubletError):
    """What was typed selects nothing that there is."""


def selection(
    ids: tuple[int, ...], reasons: tuple[str, ...], everything: bool, quarantined: bool
) -> Selection:
    """The letters that a person means.

    Raises:
        BadSelection: nothing was named, or a reason that does not exist.
    """
    if not (ids or reasons or everything):
        raise BadSelection("say which: by number, by --reason, or --all")
    if everything and (ids or reasons):
        raise BadSelection("--all goes with neither numbers nor --reason")
    states = {LetterState.WAITING}
    if quarantined:
        states.add(LetterState.QUARANTINED)
    return Selection(frozenset(states), ids, _known(reasons))


def show_list(
    reasons: tuple[str, ...], states: tuple[str, ...], most: int, *, as_json: bool
) -> None:
    """The newest letters, and how many there are of each reason."""
    chosen = Selection(_states(states), reasons=_known(reasons))
    ledger = _ledger()
    lines, counts = ledger.lines(chosen, most), ledger.counts(chosen)
    if as_json:
        document = {"counts": counts, "letters": [_facts(line) for line in lines]}
        typer.echo(json.dumps(document, indent=2, default=str))
        return
    if lines:
        Console().print(_table(lines))
    typer.echo(_counted(counts, "dead letters"))


def show_one(letter_id: int, save: Path | None, *, as_json: bool) -> None:
    """One letter, with the record that it was made of as long as Kafka has it."""
    row = _ledger().get(letter_id)
    facts = _facts(Line(row, None))
    try:
        letter = _read(row)
    except LetterGone as error:
        if save is not None:
            raise
        facts["record"] = str(error)
    else:
        facts |= _record_facts(letter)
        if save is not None:
            save.write_bytes(letter.value or b"")
    if as_json:
        typer.echo(json.dumps(facts, indent=2, default=str))
        return
    for name, fact in facts.items():
        typer.echo(f"{name:>16}  {fact}")


def count(chosen: Selection, would: str) -> None:
    """How many are selected, by reason."""
    typer.echo(_counted(_ledger().counts(chosen), would))


def replay(chosen: Selection, per_second: float) -> bool:
    """Send what is selected, and say how each fared; whether all was sent."""
    database = Database(settings().database)
    with open_replay(settings(), database, ReplayPolicy(per_second)) as opened:
        fates = opened.run(chosen)
    for fate, number in fates.items():
        typer.echo(f"{number} {fate}")
    if not fates:
        typer.echo("nothing to replay")
    return fates.keys() <= SENT


def discard(chosen: Selection) -> None:
    """Give up what is selected."""
    typer.echo(f"{_ledger().discard(chosen)} discarded")


def quarantine(chosen: Selection) -> None:
    """Keep what is selected from being replayed with others."""
    typer.echo(f"{_ledger().quarantine(chosen)} quarantined")


def _ledger() -> Ledger:
    return Ledger(Database(settings().database))


def _read(row: DeadLetter) -> Letter:
    current = settings()
    with LogReader(current) as reader:
        return letter_of(row, reader, open_blob_store(current))


def _known(reasons: tuple[str, ...]) -> tuple[str, ...]:
    for reason in reasons:
        if reason not in set(Reason):
            raise BadSelection(f"{reason!r} is no reason; there are {', '.join(Reason)}")
    return reasons


def _states(states: tuple[str, ...]) -> frozenset[LetterState]:
    for state in states:
        if state not in set(LetterState):
            raise BadSelection(f"{state!r} is no state; there are {', '.join(LetterState)}")
    return frozenset(LetterState(state) for state in states) or OPEN


def _facts(line: Line) -> dict[str, Any]:
    row = line.letter
    facts = {
        "id": row.id,
        "state": row.state.value,
        "reason": row.reason,
        "stage": row.stage,
        "detail": row.detail,
        "picture": line.name,
        "image_id": row.image_id,
        "died_at": f"{row.topic}[{row.partition}]@{row.offset}",
        "attempts": row.attempts,
        "replays": row.replays,
        "first_failed_at": row.first_failed_at.isoformat(),
        "last_failed_at": row.last_failed_at.isoformat(),
        "replayed_as": None,
    }
    if row.replayed_offset is not None:
        facts["replayed_as"] = f"{row.topic}[{row.replayed_partition}]@{row.replayed_offset}"
    return {name: fact for name, fact in facts.items() if fact is not None}


def _record_facts(letter: Letter) -> dict[str, Any]:
    value = letter.value or b""
    return {
        "key": _text(letter.key),
        "headers": {name: _text(text) for name, text in letter.headers},
        "value_bytes": len(value),
        "value": _text(value[:_SHORTEST_TEXT]),
    }


def _text(octets: bytes | None) -> str | None:
    """As a person can read it; what is not text is shown by its first bytes."""
    if octets is None:
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return f"0x{octets[:16].hex()}…"
    return text if text.isprintable() else repr(text)


def _table(lines: list[Line]) -> Table:
    table = Table("id", "failed at", "reason", "stage", "replays", "state", "picture", "died at")
    table.box = SIMPLE_HEAD
    for line in lines:
        row = line.letter
        table.add_row(
            str(row.id),
            f"{row.last_failed_at:%Y-%m-%d %H:%M:%S}",
            row.reason,
            row.stage,
            str(row.replays),
            row.state.value,
            line.name or "",
            f"{row.topic}[{row.partition}]@{row.offset}",
        )
    return table


def _counted(counts: dict[str, int], what: str) -> str:
    total = Counter(counts).total()
    each = ", ".join(f"{reason} {number}" for reason, number in counts.items())
    return f"{total} {what}: {each}" if each else f"0 {what}"
