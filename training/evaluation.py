"""How good a SavedModel is: beside bicubic, on pictures whose truth is known."""

import json
import math
import os
import platform
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from infra.errors import DoubletError
from serving import contract
from training.features.degradation import Picture, resized
from training.features.pictures import Pair, read, validation
from training.features.sources import decoded
from training.measures import psnr, ssim

TIMED_TILES = (4, 256, 256, 3)
"""A full call of the consumer's default settings."""

TIMED_RUNS = 3
"""The quickest counts: others may be using the machine."""

Precision = Literal["float32", "bfloat16"]


class SavedModel:
    """A SavedModel in a Session, which is how TensorFlow Serving runs it."""

    def __init__(self, folder: Path, precision: Precision = "float32") -> None:
        """Load a version folder.

        Raises:
            DoubletError: there is no SavedModel in it.
        """
        if not (folder / "saved_model.pb").exists():
            raise DoubletError(f"{folder} has no saved_model.pb: give a numbered version folder")
        config = ConfigProto()
        if precision == "bfloat16":  # what the model server's --mixed_precision=bfloat16 does
            rewrites = config.graph_options.rewrite_options
            rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        loaded = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self._signatures = loaded.signature_def
        tile = np.zeros((1, 1, 1, contract.CHANNELS), np.uint8)
        self.radius = int(self.run(tile, contract.RADIUS, contract.DESCRIBE)[0])
        self.card: dict[str, Any] = json.loads(self.run(tile, contract.CARD, contract.DESCRIBE)[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def run(
        self, tiles: Picture, output: str, signature: str = contract.SERVING_DEFAULT
    ) -> np.ndarray:
        """One output of one signature for uint8 [n, h, w, 3]."""
        tensors = self._signatures[signature]
        answer: np.ndarray = self._session.run(
            tensors.outputs[output].name, {tensors.inputs[contract.TILES].name: tiles}
        )
        return answer

    def double(self, picture: Picture) -> Picture:
        """A whole picture, uint8 [h, w, 3] to [2h, 2w, 3], its edges repeated for the radius."""
        halo = self.radius
        padded = np.pad(picture, ((halo, halo), (halo, halo), (0, 0)), mode="edge")
        inside = slice(contract.SCALE * halo, -contract.SCALE * halo)
        doubled: Picture = self.run(padded[None], contract.DOUBLED)[0]
        return doubled[inside, inside]

    def cpu_seconds_per_megapixel(self) -> float:
        """CPU time of all threads for `doubled` alone, by megapixel of input."""
        tiles = np.random.default_rng(0).integers(0, 256, TIMED_TILES, np.uint8)
        self.run(tiles, contract.DOUBLED)
        times = []
        for _ in range(TIMED_RUNS):
            start = time.process_time()
            self.run(tiles, contract.DOUBLED)
            times.append(time.process_time() - start)
        return min(times) / (math.prod(TIMED_TILES[:-1]) / 1e6)


@dataclass(frozen=True)
class Quality:
    """PSNR in dB and SSIM, on Y."""

    psnr: float
    ssim: float

    @classmethod
    def of(cls, picture: Picture, pair: Pair) -> Self:
        measured = picture, pair.full, pair.grey
        return cls(psnr(*measured), ssim(*measured))


@dataclass(frozen=True)
class Score:
    """One picture of a set: the model and bicubic, each against the truth."""

    pictures: str
    name: str
    model: Quality
    bicubic: Quality

    @property
    def gain(self) -> float:
        return self.model.psnr - self.bicubic.psnr


def benchmark(folder: Path) -> list[Pair]:
    """The pairs of a benchmark: `HR/x.png` with `LR_x2/x.png`.

    Raises:
        DoubletError: there are none, or one lacks its half.
    """
    wholes = sorted(folder.glob("HR/*.png"))
    halves = [folder / "LR_x2" / whole.name for whole in wholes]
    if not wholes:
        raise DoubletError(f"{folder} has no HR/*.png with LR_x2/*.png beside it")
    if missing := [str(half) for half in halves if not half.exists()]:
        raise DoubletError(f"{folder} lacks {', '.join(missing)}")
    return [
        Pair(whole.stem, decoded(whole), decoded(half), is_grey(whole))
        for whole, half in zip(wholes, halves, strict=True)
    ]


def is_grey(path: Path) -> bool:
    with Image.open(path) as image:
        return image.mode == "L"


def held_out(folder: Path) -> list[Pair]:
    """The pictures of a training folder that no member has learnt from."""
    return [read(source) for source in validation(folder)]


def scores(model: SavedModel, sets: dict[str, list[Pair]]) -> list[Score]:
    """Every picture of every set, by the name of the set."""
    return [
        Score(
            name,
            pair.name,
            Quality.of(model.double(pair.half), pair),
            Quality.of(resized(pair.half, contract.SCALE), pair),
        )
        for name, pairs in sets.items()
        for pair in pairs
    ]


def report(folder: Path, sets: dict[str, list[Pair]]) -> str:
    """Everything measured, as Markdown: quality in float32, and what bfloat16 changes."""
    with SavedModel(folder) as model:
        card = model.card
        exact = scores(model, sets)
        seconds = model.cpu_seconds_per_megapixel()
    with SavedModel(folder, "bfloat16") as model:
        rounded = scores(model, sets)
        seconds_rounded = model.cpu_seconds_per_megapixel()
    change = np.mean([r.model.psnr - e.model.psnr for r, e in zip(rounded, exact, strict=True)])
    return "\n".join(
        [
            *quality_table(exact),
            "",
            f"{card['members']} members, {card['parameters']:,} parameters, trained until "
            f"{card['trained']} from commit {card['commit']}. PSNR in dB and SSIM on Y of BT.601, "
            "2 px shaved.",
            "",
            f"| {processor()} | CPU seconds per input megapixel | PSNR |",
            "|---|---|---|",
            f"| float32 | {seconds:.1f} | |",
            "| bfloat16 (`--mixed_precision=bfloat16`) "
            f"| {seconds_rounded:.1f} | {change:+.3f} dB |",
        ]
    )


def quality_table(scored: list[Score]) -> list[str]:
    """Means over each set of pictures, and the picture that gained least."""
    lines = [
        "| set | pictures | bicubic PSNR / SSIM | model PSNR / SSIM | gain, mean | gain, least |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in groupby(scored, key=lambda score: score.pictures):
        rows = list(group)
        bicubic, model = (
            f"{np.mean([q.psnr for q in column]):.2f} / {np.mean([q.ssim for q in column]):.4f}"
            for column in ([row.bicubic for row in rows], [row.model for row in rows])
        )
        least = min(rows, key=lambda row: row.gain)
        gain = np.mean([row.gain for row in rows])
        lines.append(
            f"| {name} | {len(rows)} | {bicubic} | {model} "
            f"| {gain:+.2f} dB | {least.gain:+.2f} dB ({least.name}) |"
        )
    return lines


def processor() -> str:
    """The machine that was measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} threads"
