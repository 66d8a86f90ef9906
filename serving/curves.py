"""How the shipped networks got better while they were fitted: a file beside each version."""

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path("assets.extra", "training.csv")
"""In a version's folder; `doublet export` writes it."""

_MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Point:
    """One network at one moment of its fitting."""

    run: str
    step: int
    psnr: float
    """On the validation pictures, in dB."""


def read_curves(model: str, version: int, models: Path = _MODELS) -> list[Point]:
    """All points of a version's networks; none where no such file is shipped."""
    try:
        with (models / model / str(version) / FILE).open(encoding="utf-8", newline="") as lines:
            return [
                Point(row["run"], int(row["step"]), float(row["psnr"]))
                for row in csv.DictReader(lines)
            ]
    except FileNotFoundError:
        return []


def write_curves(points: list[Point], folder: Path) -> None:
    """Write them into a version's folder."""
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("run", "step", "psnr"))
        writer.writerows((it.run, it.step, f"{it.psnr:.4f}") for it in points)
