"""How everything stands, for a terminal and for a script."""

import json
from dataclasses import asdict

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dashboard import health, words
from dashboard.health import Health
from dashboard.standing import Standing
from infra.database.models import Outcome

_COLOURS = {Health.WELL: "green", Health.WAITING: "yellow", Health.AWAY: "red"}


def as_document(standing: Standing) -> str:
    """JSON: ``well``, ``at``, ``parts``, ``books`` (null while Kafka is away), ``alerts`` and
    ``settled``."""
    books = standing.books
    return json.dumps(
        {
            "well": standing.well,
            "at": standing.at.isoformat(),
            "parts": [
                asdict(part) | {"seen_at": part.seen_at and part.seen_at.isoformat()}
                for part in standing.parts
            ],
            "books": None
            if books is None
            else asdict(books.total) | {"difference": books.total.difference},
            "alerts": [
                asdict(alert) | {"raised_at": alert.raised_at.isoformat()}
                for alert in standing.alerts
            ],
            "settled": {outcome.value: standing.settled[outcome] for outcome in Outcome},
        },
        indent=2,
    )


def as_tables(standing: Standing) -> list[RenderableType]:
    """One table of the parts, a line for each alert, one for the books, one for the whole."""
    alerts = [
        Text(f"alert {it.id}: {it.kind}, {it.subject}: {it.detail}", "red")
        for it in standing.alerts
    ]
    return [_parts(standing), *alerts, _books(standing), _verdict(standing)]


def _parts(standing: Standing) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("part", "is", "says"):
        table.add_column(heading, overflow="fold")
    table.add_column("restarts", justify="right")
    table.add_column("seen", no_wrap=True)
    for part in standing.parts:
        table.add_row(
            part.name,
            Text(part.health, style=_COLOURS[part.health]),
            Text(part.says),
            str(part.restarts),
            words.ago(part.seen_at, standing.at) if part.seen_at else "just now",
        )
    return table


def _books(standing: Standing) -> Text:
    if standing.books is None:
        ends = ", ".join(f"{standing.settled[outcome]} {outcome.value}" for outcome in Outcome)
        return Text(f"books: not checked while Kafka is away; settled so far: {ends}", "yellow")
    total = standing.books.total
    line = (
        f"books: {total.accepted} accepted = {total.done} done + {total.duplicate} duplicate + "
        f"{total.skipped} skipped + {total.dead} dead + {total.in_flight} in flight"
    )
    if total.deleted:
        line += f" + {total.deleted} deleted"
    if total.balanced:
        return Text(line)
    return Text(f"{line}; difference {total.difference}: {health.imbalance(total)}", "red")


def _verdict(standing: Standing) -> Text:
    if standing.well:
        return Text("all is well", "green")
    return Text("not all is well", "red")
