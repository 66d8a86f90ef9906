"""The backfill as a command: it works at it, and shows how far it is."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta

import typer
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as ProgressBar

from infra.database.engine import Database
from infra.errors import DoubletError
from infra.settings import Settings
from producers.backfill import Backfill, Progress
from producers.backfiller import Backfiller, open_backfill, open_backfiller

_SHOWN_EVERY = 1.0
"""Seconds between two looks at the progress, in a terminal."""
_TOLD_EVERY = 30.0
"""Seconds between two lines where nobody looks at a terminal."""


class NotAStretch(DoubletError):
    """The first day comes after the last."""


def fill(first: date, last: date, settings: Settings) -> bool:
    """Ask for a stretch of days, and work at the whole backfill until every day has ended.

    Returns:
        Whether no day had to be given up.

    Raises:
        NotAStretch: the days are the wrong way round.
        Unavailable: the database or the blob store is away; the same call goes on.
    """
    if first > last:
        raise NotAStretch(f"--from {first} comes after --to {last}")
    with closing(Database(settings.database)) as database:
        backfill = open_backfill(settings, database)
        asked = backfill.ask_for(first, last)
        typer.echo(
            f"{asked.days:,} days from {first} to {last}: {asked.begun:,} to ask for, "
            f"{asked.days - asked.begun:,} known before."
        )
        with open_backfiller(settings, database) as backfiller:
            try:
                _work(backfiller, backfill)
            except KeyboardInterrupt:
                typer.echo(
                    "Interrupted; the same command goes on, and so does a scheduler that runs."
                )
                raise typer.Exit(130) from None
        progress = backfill.progress()
    typer.echo(in_words(progress))
    return progress.failed == 0


def pause(settings: Settings) -> None:
    """Pause the backfill, and say how far it is."""
    with _opened(settings) as backfill:
        backfill.pause()
        typer.echo(in_words(backfill.progress()))


def resume(settings: Settings) -> None:
    """Let it go on, and say how far it is."""
    with _opened(settings) as backfill:
        backfill.resume()
        typer.echo(in_words(backfill.progress()))


def in_words(progress: Progress) -> str:
    """One line for a person."""
    if progress.total == 0:
        return "No backfill was asked for: `doublet apod backfill` does."
    counts = (
        f"{progress.ended:,} of {progress.total:,} days: {progress.published:,} sent, "
        f"{progress.skipped:,} without a picture, {progress.failed:,} given up"
    )
    left = "" if progress.requests_left is None else f" ({progress.requests_left:,} left)"
    requests = (
        "1 request" if progress.requests_used == 1 else f"{progress.requests_used:,} requests"
    )
    return f"{counts}; {requests}{left}; {_outlook(progress)}"


def _outlook(progress: Progress) -> str:
    if progress.waiting == 0:
        return "done"
    if progress.paused_at is not None:
        return f"paused since {progress.paused_at:%Y-%m-%d %H:%M} UTC: `doublet apod resume`"
    if progress.trouble is not None:
        until = progress.rests_until
        rests = "trying again" if until is None else f"resting until {until:%H:%M:%S} UTC"
        return f"{rests}: {progress.trouble}"
    if progress.seconds_left is None:
        return "just begun"
    return f"about {timedelta(seconds=round(progress.seconds_left))} left"


@contextmanager
def _opened(settings: Settings) -> Iterator[Backfill]:
    with closing(Database(settings.database)) as database:
        yield open_backfill(settings, database)


def _work(backfiller: Backfiller, backfill: Backfill) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}", markup=False))
    looks = console.is_terminal
    with ProgressBar(*columns, console=console, transient=True, disable=not looks) as bar:
        task = bar.add_task("")
        shown_at = 0.0
        every = _SHOWN_EVERY if looks else _TOLD_EVERY
        while (wait := backfiller.step()) is not None:
            if time.monotonic() - shown_at >= every:
                shown_at = time.monotonic()
                progress = backfill.progress()
                words = in_words(progress)
                bar.update(task, completed=progress.ended, total=progress.total, description=words)
                if not looks:
                    typer.echo(words)
            # In short sleeps: somebody may pause it meanwhile, or let it go on.
            time.sleep(min(wait.total_seconds(), _SHOWN_EVERY))
