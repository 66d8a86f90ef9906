"""The results in words: Markdown tables, and one line of CSV for each picture and subject."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from training.energy import WATTS_A_CORE
from training.evaluation.cost import Cost
from training.evaluation.results import Results
from training.evaluation.scores import Closeness
from training.evaluation.sets import PictureSet
from training.evaluation.stars import BRIGHTER
from training.evaluation.subjects import Bicubic
from training.processor import processor

MOST_DOUBTED = 0.1
"""The share of pixels with the most spread, of whose error the report speaks."""

COLUMNS = (
    *("set", "picture", "subject", "psnr_y", "ssim_y", "psnr_rgb"),
    *("bce", "bce_floor", "gain_y", "consistency", "spread"),
)


def report(results: Results) -> str:
    """Everything measured, as Markdown."""
    sections = [
        quality(results),
        ranks(results),
        costs(results),
        calibrations(results),
        averagings(results),
        stars(results),
        list(results.notes),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def quality(results: Results) -> list[str]:
    """Means over each set, and the picture that gained least."""
    head = (
        "set | pictures | subject | PSNR Y | SSIM Y | gain, mean | gain, least | PSNR RGB "
        "| BCE over floor | consistency | spread"
    )
    rows = (
        [
            pictures.name,
            str(len(pictures.examples)),
            subject,
            *quality_cells(results, pictures, subject),
        ]
        for pictures in results.sets
        for subject in results.subjects
    )
    return [
        *table(head, rows),
        "",
        "PSNR in dB; Y of BT.601, 2 px shaved; gain in PSNR on Y over bicubic; BCE's floor is the "
        "truths' own entropy; consistency is the PSNR of the result, halved by antialiased "
        "bicubic, with the input; spread in grey levels.",
    ]


def quality_cells(results: Results, pictures: PictureSet, subject: str) -> Iterator[str]:
    def mean(quantity: Callable[[Closeness], float]) -> float | None:
        return results.mean_closeness(subject, pictures, quantity)

    yield shown(mean(lambda near: near.psnr), ".2f")
    yield shown(mean(lambda near: near.ssim), ".4f")
    gains = {} if subject == Bicubic.name else results.gains(subject, pictures)
    if gains:
        least = min(gains, key=lambda example: gains[example])
        yield f"{sum(gains.values()) / len(gains):+.2f}"
        yield f"{gains[least]:+.2f} ({least.name})"
    else:
        yield from ("", "")
    yield shown(mean(lambda near: near.rgb_psnr), ".2f")
    yield shown(results.excess(subject, pictures), ".3f", "%")
    yield shown(results.mean(subject, pictures, lambda score: score.consistency), ".2f")
    yield shown(results.mean(subject, pictures, lambda score: score.spread), ".2f")


def ranks(results: Results) -> list[str]:
    """The subjects in order, best first."""
    means = sorted(results.mean_ranks().items(), key=lambda item: item[1])
    rows = ([subject, f"{rank:.2f}"] for subject, rank in means)
    return table("subject | mean rank of PSNR on Y, over all pictures", rows) if means else []


def costs(results: Results) -> list[str]:
    head = f"{processor()} | seconds | CPU seconds | peak memory, MB | energy, J"
    rows = ([name, *cost_cells(cost)] for name, cost in results.costs.items())
    return [
        *table(head, rows),
        "",
        "Each in a process of its own; time and energy by megapixel of input, the quietest of "
        "several runs. Energy is measured by RAPL for the whole processor, or estimated from CPU "
        f"seconds at {WATTS_A_CORE:g} W a core.",
    ]


def cost_cells(cost: Cost) -> Iterator[str]:
    yield f"{cost.seconds:.2f}"
    yield f"{cost.cpu_seconds:.2f}"
    yield f"{cost.peak_bytes / 1e6:.0f}"
    yield f"{cost.joules:.1f} ({cost.energy})"


def calibrations(results: Results) -> list[str]:
    """Whether spread says how wrong a pixel is."""
    head = (
        f"set | subject | Pearson | Spearman | squared error in the {MOST_DOUBTED:.0%} of pixels "
        "with most spread | error / spread"
    )
    rows = [
        [
            pictures.name,
            subject,
            f"{known.pearson:.3f}",
            f"{known.spearman:.3f}",
            f"{known.share_of_error(MOST_DOUBTED):.0%}",
            f"{known.ratio:.1f}",
        ]
        for pictures in results.with_truth
        for subject in results.subjects
        if (known := results.calibration(subject, pictures))
    ]
    if not rows:
        return []
    return [
        *table(head, rows),
        "",
        "Spread with the absolute error of luma, pixel by pixel; error / spread by their root "
        "mean squares.",
    ]


def averagings(results: Results) -> list[str]:
    """How much averaging gains."""
    rows = [
        [
            each.pictures,
            str(each.members),
            f"{each.mean_member:.2f}",
            f"{each.best_member:.2f}",
            f"{each.ensemble:.2f}",
            f"{each.ensemble - each.mean_member:+.2f}",
            f"{each.ensemble - each.best_member:+.2f}",
        ]
        for each in results.averagings
    ]
    head = "set | members | mean member | best member | average | over the mean | over the best"
    return [*table(head, rows), "", "PSNR on Y, dB."] if rows else []


def stars(results: Results) -> list[str]:
    """Stars that are found, invented, or ringed."""
    levels = " / ".join(f"{level:g}" for level in BRIGHTER)
    head = (
        f"sky | subject | stars | completeness from {levels} sigma | purity "
        "| in the result | invented | ring | undershoot, largest"
    )
    rows = [
        [
            each.pictures,
            each.subject,
            str(each.stars),
            by_brightness(each.completeness),
            by_brightness(each.purity),
            str(each.seen),
            str(each.invented),
            f"{each.ring:.2f}%",
            f"{each.deepest:.1f}",
        ]
        for each in results.stars
    ]
    if not rows:
        return []
    return [
        *table(head, rows),
        "",
        "Completeness: the share of the truth's stars of so many standard deviations that the "
        "result has; purity: the share of the result's that the truth has; invented: stars of the "
        "result where the truth has no light of 3 standard deviations. Ring: how much darker than "
        "the truth the mean star's surroundings are, in percent of its height; undershoot: the "
        "darkest of one star, in grey levels.",
    ]


def by_brightness(shares: tuple[float, ...]) -> str:
    return " / ".join("none" if math.isnan(share) else f"{share:.1%}" for share in shares)


def table(head: str, rows: Iterable[list[str]]) -> list[str]:
    """Lines of Markdown."""
    columns = head.count("|") + 1
    return [f"| {head} |", "|---" * columns + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def shown(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def write_scores(results: Results, path: Path) -> None:
    """Every picture of every set, with every subject; empty where there is no such figure."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(lines(results))


def lines(results: Results) -> Iterator[list[object]]:
    for pictures in results.sets:
        for example in pictures.examples:
            for subject in results.subjects:
                score = results.scores[subject][example]
                near = score.closeness
                yield [
                    pictures.name,
                    example.name,
                    subject,
                    *((near.psnr, near.ssim, near.rgb_psnr) if near else [None] * 3),
                    *((near.entropy, near.floor) if near else [None] * 2),
                    results.gain(subject, example),
                    score.consistency,
                    score.spread,
                ]
