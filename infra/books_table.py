"""The books as a table for a terminal."""

from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table

from infra.books import Account, Books

_COLUMNS = ("partition", "accepted", "done", "dupl.", "skip", "dead", "flight", "del.", "differ")
"""Short enough for a terminal of 80 columns."""


def table(books: Books) -> Table:
    """One row for each partition, and the total."""
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_footer=True)
    for name, footer in zip(_COLUMNS, ("all", *_row(books.total)), strict=True):
        justify: Literal["left", "right"] = "right" if drawn.columns else "left"
        drawn.add_column(name, footer=footer, justify=justify, no_wrap=not drawn.columns)
    for (topic, partition), account in books.partitions.items():
        drawn.add_row(f"{topic} {partition}", *_row(account))
    return drawn


def _row(account: Account) -> list[str]:
    difference = str(account.difference)
    return [
        str(account.accepted),
        str(account.done),
        str(account.duplicate),
        str(account.skipped),
        str(account.dead),
        str(account.in_flight),
        str(account.deleted),
        difference if account.balanced else f"[red]{difference}[/red]",
    ]
