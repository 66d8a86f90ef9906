"""Every run of the trainer with its settings, in one CSV that nobody edits by hand."""

import csv
import fcntl
from dataclasses import dataclass, fields
from pathlib import Path

SCOREBOARD = Path("training", "scoreboard.csv")
"""From the checkout's root, where `doublet train` is called."""


@dataclass(frozen=True)
class Row:
    """One fitting as far as it has come."""

    run: str
    """Folder of runs and name of the fitting."""
    day: str
    """UTC, of the last turn."""
    architecture: str
    parameters: int
    pictures: int
    """How many it learnt from."""
    start: str
    """The fitting it went on from; empty for none."""
    steps: int
    of_steps: int
    batch: int
    crop: int
    loss: str
    optimiser: str
    rate: float
    schedule: str
    augmentation: str
    degradation: str
    precision: str
    backend: str
    device: str
    seconds: float
    watt_hours: float
    energy: str
    """How the energy is known: RAPL, NVML or estimated."""
    best_step: int
    validation_psnr: float
    bicubic_psnr: float
    """On the same pictures."""


def read(file: Path = SCOREBOARD) -> list[dict[str, str]]:
    """The rows, oldest first; none where there is no file yet."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def note(row: Row, file: Path = SCOREBOARD) -> None:
    """Add a run, or bring its row up to date; several trainers may do so at a time."""
    names = [field.name for field in fields(Row)]
    new = {name: _text(getattr(row, name)) for name in names}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = [each for each in read(file) if each["run"] != row.run]
        unfinished = file.with_suffix(".partial")
        with unfinished.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows, new])
        unfinished.replace(file)


def markdown(rows: list[dict[str, str]]) -> str:
    """A table, the best run first."""
    lines = [
        "| run | architecture | parameters | steps | gain over bicubic | hours | Wh | on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=gain, reverse=True):
        hours = float(row["seconds"]) / 3600
        lines.append(
            f"| {row['run']} | {row['architecture']} | {int(row['parameters']):,} "
            f"| {int(row['steps']):,} | {gain(row):+.2f} dB | {hours:.2f} "
            f"| {float(row['watt_hours']):.1f} ({row['energy']}) | {row['device']} |"
        )
    return "\n".join(lines)


def gain(row: dict[str, str]) -> float:
    """Over bicubic on the validation pictures, in dB."""
    return float(row["validation_psnr"]) - float(row["bicubic_psnr"])


def plot(rows: list[dict[str, str]], file: Path) -> None:
    """What each run gained over bicubic, against the time it took."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for architecture in sorted({row["architecture"] for row in rows}):
        own = [row for row in rows if row["architecture"] == architecture]
        hours = [float(row["seconds"]) / 3600 for row in own]
        axes.scatter(hours, [gain(row) for row in own], label=architecture)
    axes.set(xscale="log", xlabel="hours of fitting", ylabel="gain over bicubic, dB")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
