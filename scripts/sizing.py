"""Writes docs/scaling.md: what a rate of pictures needs, from what `scripts/scaling.py` measured.

    python scripts/sizing.py [--gpu-tflops 15] [--gpu-hour 0.80] …

Prices and what nobody could measure here are options; the page says what it was given.
"""

import argparse
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
FIGURES = DOCS / "scaling.json"
PAGE = DOCS / "scaling.md"

SIDES = (4000, 3000)
"""Of the picture that is planned for, in pixels: 12 megapixels."""
RATES = (1, 1000)
"""Pictures a second."""
TILE, HALO = 256, 8
"""TILE_SIDE, and the shipped models' radius, in pixels."""
SECONDS_A_DAY = 86_400
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Assumptions:
    """What is not measured; the defaults are round numbers to be replaced by one's own."""

    gpu_tflops: float = 15.0
    """Sustained on one data centre's GPU in this network's narrow convolutions."""
    busy: float = 0.7
    """Share of a machine that is planned to be used; the rest is for peaks and restarts."""
    gpu_hour: float = 0.80
    core_hour: float = 0.045
    storage_month: float = 0.023
    """Of a gigabyte in the S3 store."""
    thousand_puts: float = 0.005
    prices_of: str = "2025-11"
    """When the prices, in US dollars, were put down; they are inputs and were looked up nowhere."""
    kept_days: float = 30.0
    """For how long results are kept."""


@dataclass(frozen=True)
class Measured:
    """What one picture costs, from the two series: a fixed part and one that grows with it."""

    fixed: float
    per_megapixel: float

    @classmethod
    def of(cls, figures: list[dict[str, Any]], part: str) -> "Measured":
        """From each series' run of most pictures: what a part costs idle counts least there."""
        small, large = (
            max(
                (figure for figure in figures if (figure["megapixels"] > 0.5) is wanted),
                key=lambda figure: int(figure["pictures"]),
            )
            for wanted in (False, True)
        )
        low, high = small["cpu_seconds"][part], large["cpu_seconds"][part]
        slope = max(0.0, (high - low) / (large["megapixels"] - small["megapixels"]))
        return cls(max(0.0, low - slope * small["megapixels"]), slope)

    def seconds(self, megapixels: float) -> float:
        """The processor's, for one picture."""
        return self.fixed + self.per_megapixel * megapixels


@dataclass(frozen=True)
class Plan:
    """What a rate needs."""

    rate: float
    model: str
    gpus: float
    consumers: int
    partitions: int
    store_cores: float
    """Kafka, PostgreSQL and the S3 gateway."""
    bytes_a_day: float
    rows_a_day: float
    network_gigabits: float
    """A second, between consumers and model servers."""
    dollars_a_month: float


def plan(document: dict[str, Any], rate: float, model: str, assumed: Assumptions) -> Plan:
    """Size everything for a rate of pictures of 12 megapixels."""
    figures = document["figures"]
    megapixels = SIDES[0] * SIDES[1] / 1e6
    gpu_seconds = document["gflop_per_megapixel"][model] * tiled_megapixels() / 1e3
    gpus = math.ceil(rate * gpu_seconds / assumed.gpu_tflops / assumed.busy)
    cores = rate * Measured.of(figures, "consumers").seconds(megapixels) / assumed.busy
    consumers = math.ceil(cores)
    parts = ("kafka", "postgres", "s3")
    store_cores = sum(rate * Measured.of(figures, part).seconds(megapixels) for part in parts)
    large = next(f for f in figures if f["megapixels"] > 0.5)
    stored = (large["picture_bytes"] + large["result_bytes"]) / large["megapixels"] * megapixels
    kept = rate * stored * SECONDS_A_DAY * assumed.kept_days
    puts = 3 * rate * SECONDS_A_DAY * 30 / 1000 * assumed.thousand_puts
    dollars = (
        gpus * assumed.gpu_hour * HOURS_A_MONTH
        + (cores + store_cores / assumed.busy) * assumed.core_hour * HOURS_A_MONTH
        + kept / 1e9 * assumed.storage_month
        + puts
    )
    return Plan(
        rate=rate,
        model=model,
        gpus=gpus,
        consumers=consumers,
        partitions=2 * consumers,
        store_cores=store_cores,
        bytes_a_day=rate * stored * SECONDS_A_DAY,
        rows_a_day=large["database_rows"] * rate * SECONDS_A_DAY,
        # Three bytes a pixel there; four times that back, and the spread.
        network_gigabits=rate * tiled_megapixels() * (3 + 12 + 4) * 8 / 1e3,
        dollars_a_month=dollars,
    )


def tiled_megapixels() -> float:
    """What the model sees of one picture: its tiles, halos and filled edges included."""
    across, down = (math.ceil(side / (TILE - 2 * HALO)) for side in SIDES)
    return across * down * TILE**2 / 1e6


def page(document: dict[str, Any], assumed: Assumptions) -> str:
    """The whole of docs/scaling.md."""
    figures = document["figures"]
    plans = [plan(document, rate, model, assumed) for model in MODELS for rate in RATES]
    given = {field.name: getattr(assumed, field.name) for field in fields(assumed)}
    return TEMPLATE.format(
        measured=document["measured"],
        cores=document["cores"],
        series="\n".join(_series(figures)),
        cpu="\n".join(_cpu(figures)),
        plans=_plans(plans),
        gflop=document["gflop_per_megapixel"]["doublet"],
        gflop_fast=document["gflop_per_megapixel"]["doublet-fast"],
        tiled=tiled_megapixels(),
        most=plans[1],
        stored=_size(plans[1].bytes_a_day),
        fast=plans[3],
        large=next(figure for figure in figures if figure["megapixels"] > 0.5),
        stub=[_stub_share(figures, large) for large in (False, True)],
        busy_share=f"{assumed.busy:.0%}",
        **given,
    )


MODELS = ("doublet", "doublet-fast")


def _series(figures: list[dict[str, Any]]) -> list[str]:
    lines = []
    for figure in figures:
        alone = next(f for f in figures if f["series"] == figure["series"] and f["consumers"] == 1)
        ratio = figure["pictures_per_second"] / alone["pictures_per_second"]
        lines.append(
            f"| {figure['megapixels']:.2f} MP, {figure['call_seconds']:g} s a call "
            f"| {figure['consumers']} | {figure['pictures_per_second']:.2f} | {ratio:.2f} "
            f"| {sum(figure['cpu_seconds'].values()):.2f} | {figure['load']:.0f} |"
        )
    return lines


def _stub_share(figures: list[dict[str, Any]], large: bool) -> float:
    """The most that the model server's stand-in took of all parts' processor time."""
    seconds = [f["cpu_seconds"] for f in figures if (f["megapixels"] > 0.5) is large]
    return max(float(of_part["model server"] / sum(of_part.values())) for of_part in seconds)


def _cpu(figures: list[dict[str, Any]]) -> list[str]:
    return [
        f"| {name} | {cost.fixed * 1e3:.0f} ms | {cost.per_megapixel * 1e3:.0f} ms |"
        for name in ("consumers", "kafka", "postgres", "s3")
        for cost in [Measured.of(figures, name)]
    ]


def _plans(plans: list[Plan]) -> str:
    head = " | ".join(f"`{p.model}`, {p.rate:,g}/s" for p in plans)
    rows = {
        "GPUs": [f"{p.gpus:,}" for p in plans],
        "consumers (one core each)": [f"{p.consumers:,}" for p in plans],
        "partitions of each topic": [f"{p.partitions:,}" for p in plans],
        "cores for Kafka, PostgreSQL, S3": [f"{p.store_cores:,.1f}" for p in plans],
        "stored a day": [_size(p.bytes_a_day) for p in plans],
        "rows a day": [f"{p.rows_a_day:,.0f}" for p in plans],
        "between consumers and model": [f"{p.network_gigabits:,.1f} Gbit/s" for p in plans],
        "US dollars a month": [f"{p.dollars_a_month:,.0f}" for p in plans],
    }
    lines = [f"| | {head} |", "|---" * (len(plans) + 1) + "|"]
    return "\n".join([*lines, *(f"| {what} | {' | '.join(row)} |" for what, row in rows.items())])


def _size(amount: float) -> str:
    scale = {"GB": 1e9, "TB": 1e12, "PB": 1e15}
    unit = "PB" if amount >= 1e15 else "TB" if amount >= 1e12 else "GB"
    return f"{amount / scale[unit]:,.1f} {unit}"


TEMPLATE = """\
# Scaling

How throughput grows with consumers, measured; and what 1 and 1,000 pictures a second of 12
megapixels need, computed from that. This page is written by `python scripts/sizing.py`, from
`docs/scaling.json`, which `python -m scripts.scaling` wrote on {measured} on {cores} cores.
Read each series as ratios within itself.

## Measured

Apache Kafka, PostgreSQL, the S3 gateway and the consumers are real, with the settings of the
compose file. The model server sleeps for each call as a GPU would compute, for as many calls at
once as come: it stands for as many GPUs as are needed. It is not free, as a GPU elsewhere would be:
it doubles each tile by bicubic, so that no result is like another, and takes up to {stub[0]:.0%} of
the processor time below for the small pictures and {stub[1]:.0%} for the larger ones.

| picture and model | consumers | pictures a second | times one | CPU s a picture | load |
|---|---|---|---|---|---|
{series}

The last but one column is all parts' processor time for one picture, the last the machine's load of
the minute before: where it is above {cores}, processes wait for a core.

- **While the model is what takes time**, consumers add up: they wait beside each other, each with
  PICTURES_AT_ONCE pictures in hand. It ends where the processor is used up.
- **Where decoding, tiling, joining and encoding take the time**, the processor is the bound, and a
  second consumer on one machine gains nothing: its {cores} cores divided by a picture's seconds
  are the most pictures a second that there can be, and one consumer comes near to it. On machines
  of their own consumers add up again: they share nothing but partitions, Kafka, the database and
  the store.
- **Partitions** bound both: a consumer without one stands idle.

What one picture costs in seconds of one core, from each series' run of most pictures:

| part | each picture | each megapixel |
|---|---|---|
{cpu}

## Planned: pictures of 12 megapixels

{plans}

How it is computed:

- *GPUs*: the ensemble computes {gflop:,.0f} GFLOP for a megapixel, `doublet-fast` {gflop_fast:,.0f}
  (from the shipped kernels: each works once at every pixel), of {tiled:.1f} megapixels that the
  tiles have with their halos; a GPU sustains **{gpu_tflops:g} TFLOP/s, which is an assumption**: it
  was measured nowhere, and a network of 32 channels uses little of what a data sheet promises.
  Machines are {busy_share} busy.
- *consumers*: fixed part + megapixels x the part that grows, of the table above, over
  {busy_share}; one core each. *Partitions*: twice as many, so that they can double.
- *stored*: what comes in and what goes out, as the series' pictures compress; kept
  {kept_days:g} days.
- *rows*: {large[database_rows]:.1f} for each picture, as PostgreSQL counted.
- *network*: 3 bytes a pixel there, 12 back, and 4 of spread.
- *money*: {gpu_hour:g} dollars for a GPU's hour, {core_hour:g} for a core's,
  {storage_month:g} for a gigabyte's month, {thousand_puts:g} for a thousand writes of which a
  picture makes three. These are inputs of the script, put down {prices_of} as round numbers, not
  looked up: put in your own.

    python scripts/sizing.py --gpu-tflops 40 --gpu-hour 2.50

## What breaks at 1,000 pictures a second

At 1 a second nothing does, if somebody pays for the storage: the chart with its defaults, and more
consumers. It is too much for one machine of the usual size. At 1,000:

- **The database.** {most.rows_a_day:,.0f} rows a day in one PostgreSQL: the tables have no
  partitions by time and nothing is ever removed. The books and the dashboard's pages count over
  them. Rendering is measured with 100,000 pictures (docs/dashboard.md): 100 seconds of this.
  This would have to change first: partitions by day, and old ones detached.
- **Partitions.** {most.partitions:,} for each of three topics, times the replicas, is what a large
  cluster of Kafka can hold, but a group of {most.consumers:,} members is not: with the classic
  protocol all of them stop whenever one comes or goes. Groups on topics of their own are the way,
  each of some hundred members.
- **The network.** {most.network_gigabits:,.0f} Gbit/s between consumers and model servers, because
  tiles travel as raw pixels: consumers belong beside their model servers, on one machine.
- **The store.** {stored} a day. What is kept, and for how long, would have to be a choice.
- **Money.** Nearly all of it is GPUs and storage. `doublet-fast` needs {fast.gpus:,} GPUs where the
  ensemble needs {most.gpus:,}, at almost the same quality (README).
- **The scheduler, the dashboard and the sweeper** are single processes; the first two do not grow
  with the rate, the sweeper lists the whole store each time.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option in fields(Assumptions):
        flag = f"--{option.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(option.default), default=option.default)
    PAGE.write_text(page(json.loads(FIGURES.read_text()), Assumptions(**vars(parser.parse_args()))))
