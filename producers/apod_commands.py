"""The commands under `apod`: one day, and the way back to the first."""

from typing import Annotated

import typer

# What Kafka's and the database's clients cost to import is paid inside the commands: `--help`
# answers at once.

apod = typer.Typer(
    no_args_is_help=True, help="The Astronomy Picture of the Day: what the scheduler does, by hand."
)


@apod.command()
def fetch(
    day: Annotated[
        str, typer.Argument(metavar="DATE", help="YYYY-MM-DD, today or yesterday (New York time).")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the day as a JSON object.")
    ] = False,
) -> None:
    """Ask NASA for one day, note what it was, and have its picture doubled.

    A day that is a video or a page is noted as skipped, with its reason. Where
    NASA cannot be reached, the day stays waiting and the scheduler goes on asking.
    A day that was sent before is not sent twice.

    The exit code is 0 if the day is dealt with, 1 if it is still waited for.

    \b
    Examples:
      doublet apod fetch today
      doublet apod fetch 1995-06-20
      doublet apod fetch --json yesterday | jq -r .picture_url
    """
    from infra.clock import utc_now
    from infra.settings import settings
    from producers.apod.days import read_day
    from producers.fetching import fetch_day

    if not fetch_day(read_day(day, utc_now()), settings(), as_json=as_json):
        raise typer.Exit(1)


@apod.command()
def backfill(
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The oldest day.")
    ] = "1995-06-16",
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The newest day.")] = "today",
) -> None:
    """Ask for every day of a stretch that is not known yet, the newest first.

    The days are noted in the database; this command works at them until all have
    ended, and so does a scheduler that runs. Interrupting it is safe, in whatever
    way: the same command goes on, and no day is sent twice. `doublet apod pause`
    stops it for all. Days that were given up before are asked for again.

    The exit code is 0 if every day is dealt with, 1 if some had to be given up.

    \b
    Examples:
      doublet apod backfill
      doublet apod backfill --from 2024-01-01 --to 2024-12-31
    """
    from infra.clock import utc_now
    from infra.settings import settings
    from producers.apod.days import read_day
    from producers.backfilling import fill

    now = utc_now()
    if not fill(read_day(first, now), read_day(last, now), settings()):
        raise typer.Exit(1)


@apod.command()
def pause() -> None:
    """Let the backfill rest, in every process, after the day at hand. The daily run goes on."""
    from infra.settings import settings
    from producers.backfilling import pause

    pause(settings())


@apod.command()
def resume() -> None:
    """Let the backfill go on, and try at once what was away."""
    from infra.settings import settings
    from producers.backfilling import resume

    resume(settings())


@apod.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Write it as a JSON object.")] = False,
) -> None:
    """How far the backfill is, how late the service has its entries, and the newest days.

    \b
    Examples:
      doublet apod status
      doublet apod status --json | jq .backfill.seconds_left
    """
    from infra.settings import settings
    from producers.standing import tell

    tell(settings(), as_json=as_json)
