"""A bar for each fitting, with the time left, and a line for each turn."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from training.fitting.fitting import Fitting, Turn


def shown(
    turns: Iterable[tuple[Fitting, Turn]], fittings: list[Fitting]
) -> Iterator[tuple[Fitting, Turn]]:
    """Pass turns on, and show them as they come."""
    console = Console(highlight=False)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=console) as bars:
        tasks = {
            each.name: bars.add_task(
                each.name, total=each.recipe.steps, completed=each.step, left=""
            )
            for each in fittings
        }
        for fitting, turn in turns:
            bars.update(
                tasks[turn.name],
                completed=turn.step,
                left=f"{turn.seconds_left / 60:.0f} min left",
            )
            console.print(
                f"{turn.name}, step {turn.step:,} of {fitting.recipe.steps:,}: loss "
                f"{turn.loss:.4g}, validation {turn.psnr:.3f} dB"
                + (" (best)" if fitting.progress.turns_since == 0 else "")
            )
            yield fitting, turn
