"""The command line: every room's own commands under one name."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import typer

import consumers.commands
import dashboard.commands
import infra.commands
import producers.commands
from infra.errors import DoubletError

app = typer.Typer(
    name="doublet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Doubles the resolution of pictures as they arrive on Kafka, and accounts for every one.",
)


def rooms() -> Iterator[typer.Typer]:
    """The commands of every room that is installed: the production image has no trainer."""
    for room in (infra, producers, consumers, dashboard):
        yield room.commands.commands
    if find_spec("training"):
        import training.commands

        yield training.commands.commands


for commands in rooms():
    app.add_typer(commands)


def main() -> None:
    """Run the command line; what a person can mend is one line and exit code 1."""
    try:
        app()
    except DoubletError as error:
        sys.exit(f"doublet: {error}")


if __name__ == "__main__":
    main()
