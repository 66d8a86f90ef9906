"""The command of this room: `status`."""

from typing import Annotated

import typer

# What the clients cost to import is paid inside the command: `--help` answers at once.

commands = typer.Typer()


@commands.command()
def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for a script to read.")
    ] = False,
) -> None:
    """Say what runs, what waits and why, and whether the books balance.

    The same facts as the dashboard's first page: Kafka and the model server are asked, the other
    parts are known by their heartbeats. Answers within a few seconds whatever is away.

    The exit code is 0 if every part is well and every accepted picture is accounted for, else 1.

    \b
    Examples:
      doublet status
      watch -c doublet status
      doublet status --json | jq -r '.parts[] | select(.health != "well") | .says'
    """
    from rich.console import Console

    from dashboard.connections import database, require_tables
    from dashboard.report import as_document, as_tables
    from dashboard.standing import read_standing
    from infra.settings import settings

    require_tables()
    standing = read_standing(database(), settings())
    if as_json:
        typer.echo(as_document(standing))
    else:
        Console().print(*as_tables(standing), sep="\n")
    if not standing.well:
        raise typer.Exit(1)
