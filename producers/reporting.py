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

from producers.following import Progress
from producers.submitting import Receipt


class Report(Protocol):
    """Told of everything that happens to a batch of pictures."""

    def refused(self, file: Path, why: str) -> None:
        """A file was not sent."""

    def sent(self, receipt: Receipt) -> None:
        """Kafka has the picture, and nobody waits for its end."""

    def changed(self, progress: Progress) -> None:
        """A picture has come to another stage, perhaps its last."""

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        """While ``count`` pictures are waited for."""


class Lines:
    """One line a picture, and a progress bar where somebody is looking."""

    def __init__(self, dashboard: str) -> None:
        self._dashboard = dashboard
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._bar = ProgressBar(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def refused(self, file: Path, why: str) -> None:
        typer.echo(f"{file}: {why}", err=True)

    def sent(self, receipt: Receipt) -> None:
        self._console.print(f"{receipt.name}: sent as {receipt.event_id}")

    def changed(self, progress: Progress) -> None:
        line = f"{progress.receipt.name}: {progress}"
        if self._task is not None:
            self._bar.update(self._task, description=line, advance=progress.stage.ended)
        if progress.stage.ended:
            self._console.print(f"{line}  {picture_page(self._dashboard, progress.image_id)}")

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        with self._bar:
            self._task = self._bar.add_task("sent", total=count)
            yield


class JsonLines:
    """One JSON object a picture, on a line of its own, once there is nothing more to come."""

    def __init__(self, dashboard: str) -> None:
        self._dashboard = dashboard

    def refused(self, file: Path, why: str) -> None:
        _write({"name": str(file), "state": "refused", "detail": why})

    def sent(self, receipt: Receipt) -> None:
        _write({**asdict(receipt), "state": "sent"})

    def changed(self, progress: Progress) -> None:
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
            }
        )

    @contextmanager
    def following(self, count: int) -> Iterator[None]:
        yield


def picture_page(dashboard: str, image_id: int | None) -> str:
    """Where the dashboard shows one picture, before and after."""
    return f"{dashboard}/pictures?picture={image_id}" if image_id is not None else dashboard


def _write(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, default=str))
