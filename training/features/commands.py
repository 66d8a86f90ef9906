"""`doublet features`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from training.workers import RayAddress, ray_workers

commands = typer.Typer()


@commands.command()
def features(
    sources: Annotated[
        list[Path],
        typer.Argument(exists=True, help="Folders of pictures, or CSVs of Open Images."),
    ],
    into: Annotated[Path, typer.Option(file_okay=False, help="The folder of shards.")],
    pictures: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Where a CSV's <ImageID>.jpg are."),
    ] = None,
    shard: Annotated[int, typer.Option(min=1, help="Size of a shard, in MiB.")] = 256,
    smallest: Annotated[int, typer.Option(min=2, help="Least width and height, in pixels.")] = 96,
    ray: RayAddress = None,
) -> None:
    """Pack pictures into shards that members learn from: sixteen parts, validation and test.

    PNG, JPEG, WebP and TIFF are found in the folders and below. Equal pictures are packed once;
    what cannot be used is listed with its reason in bad.tsv. A run that was stopped is gone on
    with by the same command. With --ray, the pictures are decoded by the workers of a cluster, all
    of which see the same folders; the shards are the same, byte by byte.

    \b
    Examples:
      doublet features photos --into shards
      doublet features train-images-boxable-with-rotation.csv --pictures train --into shards
    """
    from training.features.packing import Packing
    from training.features.reporting import pack_visibly

    packing = Packing(shard, smallest)
    with ray_workers(ray) if ray else nullcontext() as workers:
        typer.echo(pack_visibly(sources, pictures, into, packing, workers))
