"""The commands of this room: `submit` and `apod`."""

from pathlib import Path
from typing import Annotated

import typer

from producers.apod_commands import apod

# What Kafka's and the database's clients cost to import is paid inside the commands: `--help`
# answers at once.

commands = typer.Typer()
commands.add_typer(apod, name="apod")


@commands.command()
def submit(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Pictures to double.", show_default=False),
    ],
    wait: Annotated[
        bool, typer.Option(help="Wait until every picture has ended, and say where it is.")
    ] = True,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Wait no longer than this; exit code 1 if it was."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object a picture, one a line.")
    ] = False,
) -> None:
    """Double pictures: hand files in and follow them to the end.

    JPEG, PNG, GIF, WEBP, TIFF, BMP and AVIF are taken, by content and not by
    name. A file that is no picture, or larger than the settings allow, gets its
    line and keeps none of the others back. The same bytes are not doubled twice:
    handing them in again says when they were.

    The exit code is 0 only if all were doubled (with --no-wait: if all were
    sent). Interrupting the wait is safe: what was sent goes on.

    \b
    Examples:
      doublet submit moon.jpg
      doublet submit --no-wait *.png
      doublet submit --json moon.jpg | jq -r .doubled.sha256
    """
    from infra.settings import settings
    from producers.batches import submit_files
    from producers.reporting import JsonLines, Lines

    current = settings()
    report = (JsonLines if as_json else Lines)(f"http://127.0.0.1:{current.dashboard_port}")
    if not submit_files(files, current, report, wait=wait, timeout_seconds=timeout):
        raise typer.Exit(1)


@commands.command("first-picture", hidden=True)
def first_picture() -> None:
    """Double a first picture, unless there is one: today's APOD, or one that needs no network."""
    from infra.settings import settings
    from producers.first_picture import double_first_picture
    from producers.reporting import Lines

    current = settings()
    report = Lines(f"http://127.0.0.1:{current.dashboard_port}")
    if not double_first_picture(current, report):
        raise typer.Exit(1)
