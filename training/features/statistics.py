"""What a folder of shards holds, as figures and as one picture."""

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from training.features.shards import as_json, entries, write

FIGURES = "statistics.json"
PLOT = "statistics.png"

QUANTILES = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "most": 1.0}

BINS = 32

AXES = {
    "width": "width, px",
    "height": "height, px",
    "megapixels": "megapixels",
    "red": "mean level of red",
    "green": "mean level of green",
    "blue": "mean level of blue",
}


def describe(folder: Path, shards: Mapping[str, int]) -> None:
    """Write the figures of so many shards of each group, and plot them: at least one picture."""
    table = pd.DataFrame(
        [
            (shard.group, entry.width, entry.height, entry.width * entry.height / 1e6, *entry.mean)
            for shard, entry in entries(folder, shards)
        ],
        columns=["group", *AXES],
    )
    write(folder / FIGURES, as_json(figures(table)))
    picture = io.BytesIO()
    chart(table).savefig(picture, dpi=80)
    write(folder / PLOT, picture.getvalue())


def figures(table: pd.DataFrame) -> dict[str, object]:
    """How many pictures and megapixels each group has, and the quantiles of everything else."""
    groups = table.groupby("group")["megapixels"].agg(["count", "sum"])
    return {
        "pictures": len(table),
        "megapixels": round(float(table["megapixels"].sum()), 3),
        "groups": {
            str(group): {"pictures": int(row["count"]), "megapixels": round(float(row["sum"]), 3)}
            for group, row in groups.iterrows()
        },
        "quantiles": {
            column: {
                name: round(float(table[column].quantile(share)), 3)
                for name, share in QUANTILES.items()
            }
            for column in AXES
        },
    }


def chart(table: pd.DataFrame) -> Figure:
    """Pictures by group, and a histogram of everything else."""
    figure = Figure(figsize=(9, 14), layout="constrained")
    first, *others = figure.subplots(4, 2).flat
    groups = table.groupby("group").size()
    first.bar([str(group).removeprefix("part-") for group in groups.index], groups)
    first.set(xlabel="part", ylabel="pictures")
    for axes, (column, title) in zip(others, AXES.items(), strict=False):
        axes.hist(table[column], bins=BINS)
        axes.set(xlabel=title, ylabel="pictures")
    others[-1].remove()
    return figure
