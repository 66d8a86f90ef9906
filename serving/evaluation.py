"""What `doublet evaluate` measured of the shipped models, as it lies in their model card.

The card's tables are the only record of it: they are written by the command, between two marker
lines, and read here by the names of their columns. Nothing is measured or known by heart.
"""

from dataclasses import dataclass, field
from pathlib import Path

CARD = Path(__file__).parent / "models" / "MODEL_CARD.md"
"""Ships with the models."""

BEGIN = "<!-- written by `doublet evaluate`: do not edit -->"
END = "<!-- end of what `doublet evaluate` wrote -->"

BICUBIC = "bicubic"
"""The subject that all others are compared with."""

Row = dict[str, str]
"""A table's line, by the names of the columns."""


@dataclass(frozen=True)
class Score:
    """One subject on one set of pictures."""

    pictures: str
    subject: str
    psnr: float
    """On Y, in dB, the mean over the set."""
    ssim: float
    gain: float
    """Over bicubic, in dB, the mean over the set; 0 of bicubic itself."""


@dataclass(frozen=True)
class Cost:
    """What one subject needs for a megapixel of input."""

    subject: str
    processor: str
    seconds: float
    joules: float
    energy: str
    """How the energy is known: RAPL, NVML or estimated."""


@dataclass(frozen=True)
class Evaluation:
    """All that a card tells; empty where there is no card, or none with an evaluation."""

    scores: list[Score] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the command says of the subjects, one sentence each."""


def read_evaluation(card: Path = CARD) -> Evaluation:
    """The measured part of a card."""
    try:
        _, _, rest = card.read_text(encoding="utf-8").partition(BEGIN)
    except OSError:
        return Evaluation()
    paragraphs = rest.partition(END)[0].strip().split("\n\n")
    scores, costs = list[Score](), list[Cost]()
    for paragraph in paragraphs:
        rows = _table(paragraph)
        scores += [_score(row) for row in rows if row.get("PSNR Y")]
        costs += [_cost(row) for row in rows if "energy, J" in row]
    notes = [] if _table(paragraphs[-1]) else paragraphs[-1].splitlines()
    return Evaluation(scores, costs, notes)


def _table(paragraph: str) -> list[Row]:
    """The rows of a Markdown table; none of what is not one."""
    lines = [line.strip("| ") for line in paragraph.splitlines() if line.startswith("|")]
    if len(lines) < 2:
        return []
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=False)) for row in cells[2:]]


def _score(row: Row) -> Score:
    return Score(
        pictures=row["set"],
        subject=row["subject"],
        psnr=float(row["PSNR Y"]),
        ssim=float(row["SSIM Y"]),
        gain=float(row["gain, mean"] or 0),
    )


def _cost(row: Row) -> Cost:
    processor, subject = next(iter(row.items()))
    joules, _, energy = row["energy, J"].partition(" ")
    return Cost(subject, processor, float(row["seconds"]), float(joules), energy.strip("()"))
