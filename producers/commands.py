"""The commands of this room: `submit` and `apod`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from producers.apod_commands import apod

if TYPE_CHECKING:
    from producers.api_keys import ApiKeys

# What Kafka's and the database's clients cost to import is paid inside the commands: `--help`
# answers at once.

commands = typer.Typer()
commands.add_typer(apod, name="apod")
keys = typer.Typer(no_args_is_help=True, help="Keys for handing pictures in over HTTP.")
commands.add_typer(keys, name="keys")


@commands.command()
def submit(
    named: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE...",
            help="Files, folders, globs, https addresses, or - for standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the doubled pictures into this folder."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Double what was doubled before once more.")
    ] = False,
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
    """Double pictures: hand them in and follow them to the end.

    JPEG, PNG, GIF, WEBP, TIFF, BMP and AVIF are taken, by content and not by
    name. What is no picture, or larger than the settings allow, gets its line
    and keeps none of the others back. The same bytes are not doubled twice:
    handing them in again says when they were, unless --again is given.

    A folder stands for every file in it and below it that is not hidden. An
    address is fetched from here: by https, from a public host, within the
    limits on size and time.

    With --out, the results are written there as NAME-doubled.png; nothing that
    lies there already is written over.

    The exit code is 0 only if all were doubled, and written where --out wants
    that (with --no-wait: if all were sent). Interrupting the wait is safe: what
    was sent goes on.

    \b
    Examples:
      doublet submit moon.jpg --out doubled
      doublet submit --no-wait holiday 'scans/**/*.tif'
      doublet submit https://example.org/galaxy.png
      curl -s https://example.org/galaxy.png | doublet submit -
      doublet submit --json moon.jpg | jq -r .doubled.sha256
    """
    from infra import tracing
    from infra.settings import settings
    from producers.batches import submit_all
    from producers.inputs import find_inputs
    from producers.reporting import JsonLines, Lines

    if out and not wait:
        raise typer.BadParameter("--out waits for the results; --no-wait does not")
    current = settings()
    tracing.start(current, "submit")
    report = (JsonLines if as_json else Lines)(f"http://127.0.0.1:{current.dashboard_port}")
    if not submit_all(
        find_inputs(named, current),
        current,
        report,
        wait=wait,
        timeout_seconds=timeout,
        again=again,
        out=out,
    ):
        raise typer.Exit(1)


@commands.command()
def watch(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="DIR", help="Default: WATCH_FOLDER.", show_default=False),
    ] = None,
) -> None:
    """Hand in every picture that is put into a folder, until Ctrl-C.

    What lies there already is handed in first. A file is taken when it has stood
    still for two seconds and nobody has it open for writing; hidden names, links
    and unfinished downloads (.part, .crdownload, .tmp) are left alone. Nothing is
    moved or changed. A restart sends nothing again; a file that was changed is a
    new one. What is no picture gets its line and is not tried again.

    With the setting WATCH_FOLDER, `doublet up` runs this by itself.

    \b
    Example:
      doublet watch ~/Pictures/telescope
    """
    import logging
    import signal
    from contextlib import closing

    from infra import logs, tracing
    from infra.database.engine import Database
    from infra.parts import FOLDER_WATCH, Heartbeat
    from infra.settings import settings
    from producers.watched_files import WatchedFiles
    from producers.watching import Watch

    current = settings()
    named = folder or current.watch_folder
    if not named:
        raise typer.BadParameter("name a folder, or set WATCH_FOLDER")
    tracing.start(current, "folder-watch")
    tell: Callable[[str], None] = typer.echo
    if current.log_format == "json":
        logs.configure(current.log_level, current.log_format)
        tell = logging.getLogger("producers.watching").info
    with closing(Database(current.database)) as database:
        watch = Watch(Path(named), current, WatchedFiles(database), tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watch.stop())
        heartbeat = Heartbeat(database, FOLDER_WATCH)
        try:
            with heartbeat.beating(watch.condition):
                watch.run()
        finally:
            heartbeat.forget()


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    per_day: Annotated[
        int, typer.Option(min=1, help="Pictures that it may hand in within 24 hours.")
    ] = 1000,
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept.

    \b
    Example:
      curl -H "authorization: Bearer $(doublet keys create telescope)" \\
        -H 'content-type: image/jpeg' --data-binary @moon.jpg http://127.0.0.1:8501/v1/images
    """
    with _keys() as found:
        typer.echo(found.create(name, per_day))


@keys.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a key.")] = False,
) -> None:
    """List the keys, with what each has handed in within 24 hours."""
    import json
    from dataclasses import asdict

    with _keys() as found:
        for key in found.list():
            if as_json:
                typer.echo(json.dumps(asdict(key), default=str))
                continue
            ended = f", revoked on {key.revoked_at:%Y-%m-%d %H:%M} UTC" if key.revoked_at else ""
            typer.echo(f"{key.name}: {key.used} of {key.per_day} pictures in 24 hours{ended}")


@keys.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """End a key at once. What it handed in stays."""
    with _keys() as found:
        found.revoke(name)
    typer.echo(f"{name}: revoked")


@contextmanager
def _keys() -> "Iterator[ApiKeys]":
    from contextlib import closing

    from infra.database.engine import Database
    from infra.settings import settings
    from producers.api_keys import ApiKeys

    with closing(Database(settings().database)) as database:
        yield ApiKeys(database)


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
