"""What the command line says of pictures that were handed in: for people, or for scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Progress as ProgressBar,
)

from producers.following import Progress, Stage
from producers.submitting import Receipt


class Report(Protocol):
    """Told of everything that happens to a batch of pictures."""

    def refused(self, label: str, why: str) -> None:
        """What a person named was not sent."""

    def handed_in(self, receipt: Receipt) -> None:
        """Kafka has the picture."""

    def sent(self, receipt: Receipt) -> None:
        """Kafka has the picture, and nobody waits for its end."""

    def changed(self, progress: Progress, file: Path | None = None) -> None:
        """A picture has come to another stage, perhaps its last, its result into a file."""

    def not_saved(self, progress: Progress, why: str) -> None:
        """A picture was doubled, and its result is in no file."""

    @contextmanager
    def sending(self, count: int) -> Iterator[None]:
        """While ``count`` pictures are handed in."""

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        """While ``count`` pictures are waited for."""


class Lines:
    """One line a picture, and a progress bar where somebody is looking."""

    def __init__(self, dashboard: str) -> None:
        self._dashboard = dashboard
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._bar: ProgressBar | None = None
        self._task = TaskID(0)

    def refused(self, label: str, why: str) -> None:
        typer.echo(f"{label}: {why}", err=True)
        self._advance(label)

    def handed_in(self, receipt: Receipt) -> None:
        self._advance(receipt.name)

    def sent(self, receipt: Receipt) -> None:
        self._console.print(f"{receipt.name}: sent as {receipt.event_id}")

    def changed(self, progress: Progress, file: Path | None = None) -> None:
        line = f"{progress.receipt.name}: {progress}"
        self._advance(line, by=progress.stage.ended)
        if progress.stage is Stage.DUPLICATE:
            line += " (--again doubles it once more)"
        if progress.stage.ended:
            where = file or picture_page(self._dashboard, progress.image_id)
            self._console.print(f"{line}  {where}")

    def not_saved(self, progress: Progress, why: str) -> None:
        typer.echo(f"{progress.receipt.name}: {why}", err=True)

    @contextmanager
    def sending(self, count: int) -> Iterator[None]:
        with self._counting("sent", count):
            yield

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        with self._counting("doubled", count):
            yield

    @contextmanager
    def _counting(self, what: str, count: int) -> Iterator[None]:
        bar = ProgressBar(
            SpinnerColumn(),
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = bar.add_task("", total=count)
        with bar:
            self._bar = bar
            yield
        self._bar = None

    def _advance(self, line: str, by: int = 1) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=line, advance=by)


class JsonLines:
    """One JSON object a picture, on a line of its own, once there is nothing more to come."""

    def __init__(self, dashboard: str) -> None:
        self._dashboard = dashboard

    def refused(self, label: str, why: str) -> None:
        _write({"name": label, "state": "refused", "detail": why})

    def handed_in(self, receipt: Receipt) -> None:
        """Its line comes later."""

    def sent(self, receipt: Receipt) -> None:
        _write({**asdict(receipt), "state": "sent"})

    def changed(self, progress: Progress, file: Path | None = None) -> None:
        if not progress.stage.ended:
            return
        doubled = asdict(progress.doubled) if progress.doubled else None
        _write(
            {
                **asdict(progress.receipt),
                "state": progress.stage,
                "reason": progress.reason,
                "detail": progress.detail,
                "image_id": progress.image_id,
                "doubled": doubled,
                "page": picture_page(self._dashboard, progress.image_id),
                "file": file,
            }
        )

    def not_saved(self, progress: Progress, why: str) -> None:
        typer.echo(f"{progress.receipt.name}: {why}", err=True)

    @contextmanager
    def sending(self, count: int) -> Iterator[None]:
        yield

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        yield


def picture_page(dashboard: str, image_id: int | None) -> str:
    """Where the dashboard shows one picture, before and after."""
    return f"{dashboard}/pictures?picture={image_id}" if image_id is not None else dashboard


def _write(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, default=str))
