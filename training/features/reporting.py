"""What `doublet features` shows a person: a bar while it works, then what became of everything."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from infra.errors import DoubletError
from training.features.open_images import listed
from training.features.packing import Packing, pack
from training.features.sources import Source, files
from training.workers import Workers


def gather(
    places: Sequence[Path], pictures: Path | None, into: Path, advance: Callable[[], object]
) -> list[Source]:
    """The sources of folders and of Open Images' lists.

    Args:
        pictures: the folder of what the lists name.
        into: where the shards will be, which may not be among the sources.
        advance: called after each file that was hashed.

    Raises:
        DoubletError: a place is of no use, or all of them are empty.
    """
    found: list[Source] = []
    for place in places:
        if place.is_dir():
            if into.resolve().is_relative_to(place.resolve()):
                raise DoubletError(f"{into} is inside {place}: give a folder outside")
            found += files(place, advance)
        elif place.suffix.lower() != ".csv":
            raise DoubletError(f"{place} is neither a folder nor a CSV of Open Images")
        elif pictures is None:
            raise DoubletError(f"{place} names pictures: say with --pictures where they are")
        else:
            found += listed(place, pictures)
    if not found:
        raise DoubletError(f"no picture in {', '.join(map(str, places))}")
    return found


def pack_visibly(
    places: Sequence[Path],
    pictures: Path | None,
    into: Path,
    packing: Packing,
    workers: Workers | None = None,
) -> str:
    """Gather and pack, with a progress bar where somebody looks on; the outcome in one line."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        hashing = bar.add_task("hashing", total=None)
        sources = gather(places, pictures, into, lambda: bar.advance(hashing))
        bar.remove_task(hashing)
        packing_task = bar.add_task("packing", total=len(sources))
        outcome = pack(
            sources, into, packing, lambda done: bar.advance(packing_task, done), workers
        )
    return (
        f"{into}: {outcome.pictures:,} pictures in {sum(outcome.shards.values()):,} shards; "
        f"left out: {len(outcome.duplicates):,} duplicates, {len(outcome.bad):,} bad"
    )
