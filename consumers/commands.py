"""The commands of this room: `dead-letters` and `blobs`."""

from pathlib import Path
from typing import Annotated

import typer

# What Kafka's and the database's clients cost to import is paid inside the commands: `--help`
# answers at once.

commands = typer.Typer()
dead_letters = typer.Typer(
    no_args_is_help=True, help="Records that could not be doubled: look, send again, give up."
)
commands.add_typer(dead_letters, name="dead-letters")
blobs = typer.Typer(no_args_is_help=True, help="The blob store.")
commands.add_typer(blobs, name="blobs")

Ids = Annotated[
    list[int] | None,
    typer.Argument(metavar="ID...", help="Only these dead letters.", show_default=False),
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="CODE", help="Only those of this reason; may be repeated."),
]
All = Annotated[bool, typer.Option("--all", help="All that wait, whatever their reason.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count which it would be, by reason.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a script to read.")]


@dead_letters.command("list")
def list_letters(
    reason: Reasons = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="waiting, quarantined, replaying, replayed or discarded; may be repeated.",
            show_default="waiting, quarantined and replaying",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Show no more than this, the newest.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, the newest first, and count them by reason.

    \b
    Examples:
      doublet dead-letters list
      doublet dead-letters list --reason failed --reason crash_loop
      doublet dead-letters list --json | jq -r '.letters[] | .id'
    """
    from consumers.dead_letters import terminal

    terminal.show_list(tuple(reason or ()), tuple(state or ()), most, as_json=as_json)


@dead_letters.command()
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="As `list` numbers it.")],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Write the record's value into this file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one dead letter: why it is one, and what its sender sent, untouched.

    \b
    Examples:
      doublet dead-letters show 17
      doublet dead-letters show 17 --save broken.jpg
    """
    from consumers.dead_letters import terminal

    terminal.show_one(letter_id, save, as_json=as_json)


@dead_letters.command()
def replay(
    ids: Ids = None,
    reason: Reasons = None,
    everything: All = False,
    quarantined: Annotated[
        bool,
        typer.Option(
            "--quarantined", help="Also those that failed again after MAX_REPLAYS replays."
        ),
    ] = False,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, help="Send no more than this many a second.")
    ] = 10.0,
    dry_run: DryRun = False,
) -> None:
    """Send dead letters back to the topics that they came from, as their senders sent them.

    Each is then a new record, with its own line in the books; the dead letter is "replayed". A
    replay that is interrupted, however hard, is gone on with by the same command: nothing is sent
    twice and nothing forgotten. What an interrupted one may still be sending is waited for, for a
    minute at most.

    The exit code is 0 if all that was selected was sent.

    \b
    Examples:
      doublet dead-letters replay --dry-run --all
      doublet dead-letters replay --reason model_refused --rate 2
      doublet dead-letters replay 17 18
    """
    from consumers.dead_letters import terminal

    picked = terminal.selection(tuple(ids or ()), tuple(reason or ()), everything, quarantined)
    if dry_run:
        terminal.count(picked, "would be replayed")
    elif not terminal.replay(picked, rate):
        raise typer.Exit(1)


@dead_letters.command()
def discard(
    ids: Ids = None,
    reason: Reasons = None,
    everything: All = False,
    dry_run: DryRun = False,
) -> None:
    """Give dead letters up, quarantined ones too: they are no longer listed, nor replayed.

    The database remembers them as discarded; their bytes stay on the topic until its retention
    ends.

    \b
    Examples:
      doublet dead-letters discard --dry-run --reason unsupported_format
      doublet dead-letters discard 17
    """
    from consumers.dead_letters import terminal

    picked = terminal.selection(tuple(ids or ()), tuple(reason or ()), everything, True)
    if dry_run:
        terminal.count(picked, "would be discarded")
    else:
        terminal.discard(picked)


@dead_letters.command()
def quarantine(
    ids: Ids = None,
    reason: Reasons = None,
    everything: All = False,
    dry_run: DryRun = False,
) -> None:
    """Keep dead letters from being replayed with others: only `--quarantined` takes them then.

    \b
    Examples:
      doublet dead-letters quarantine --reason crash_loop
      doublet dead-letters quarantine 17
    """
    from consumers.dead_letters import terminal

    picked = terminal.selection(tuple(ids or ()), tuple(reason or ()), everything, False)
    if dry_run:
        terminal.count(picked, "would be quarantined")
    else:
        terminal.quarantine(picked)


@blobs.command()
def sweep(
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove them; without it, they are only counted.")
    ] = False,
) -> None:
    """Count the blobs that nothing refers to any more, or remove them.

    A blob is kept if the database names it, if an event or a dead letter on Kafka does, or if it
    is younger than BLOB_GRACE_DAYS. Kafka, the database and the blob store must all answer.

    \b
    Examples:
      doublet blobs sweep
      doublet blobs sweep --remove
    """
    from consumers.sweeping import sweep_blobs
    from infra.settings import settings

    typer.echo(sweep_blobs(settings(), remove=remove))
