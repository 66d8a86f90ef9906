"""The books as a table for a terminal."""

from rich.table import Table

from infra.books import Account, Books


def table(books: Books) -> Table:
    """One row for each partition, and the total."""
    columns = ("accepted", "done", "duplicate", "skipped", "dead", "in flight", "difference")
    drawn = Table("topic", "partition", *columns, show_footer=True)
    for (topic, partition), account in books.partitions.items():
        drawn.add_row(topic, str(partition), *_row(account))
    for column, footer in zip(drawn.columns, ("all", "", *_row(books.total)), strict=True):
        column.footer = footer
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
        difference if account.balanced else f"[red]{difference}[/red]",
    ]
