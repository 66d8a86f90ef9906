"""A network in the making as one file: everything that its next step depends on."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from infra.errors import DoubletError

Weights = list[np.ndarray]


def path(runs: Path, name: str) -> Path:
    """Where a fitting is kept: `start`, `member-3`, `fast`, `original-3`, `edsr`."""
    return runs / f"{name}.npz"


def write(file: Path, arrays: dict[str, Weights], facts: dict[str, Any]) -> None:
    """Replace a checkpoint as a whole: a kill in between leaves the last one.

    Args:
        arrays: by their kind: `weights`, `optimiser`, `best`.
        facts: what else is known, as JSON.
    """
    named = {f"{kind}/{i}": w for kind, weights in arrays.items() for i, w in enumerate(weights)}
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".partial.npz")
    np.savez(unfinished, allow_pickle=False, facts=np.array(json.dumps(facts)), **named)
    os.replace(unfinished, file)


def weights(file: Path, kind: str) -> Weights:
    """The arrays of one kind.

    Raises:
        DoubletError: there is no such file, or it is none of ours.
    """
    with _opened(file) as arrays:
        count = sum(name.startswith(f"{kind}/") for name in arrays.files)
        return [arrays[f"{kind}/{i}"] for i in range(count)]


def facts(file: Path) -> dict[str, Any]:
    """What else the checkpoint knows; raises as `weights` does."""
    with _opened(file) as arrays:
        known: dict[str, Any] = json.loads(str(arrays["facts"]))
        return known


def _opened(file: Path) -> Any:
    try:
        arrays = np.load(file)
    except FileNotFoundError as error:
        raise DoubletError(f"there is no checkpoint {file}: fit it first") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DoubletError(f"{file} is no checkpoint: take it away and fit anew") from error
    if "facts" not in arrays.files:
        raise DoubletError(f"{file} is a checkpoint of another version: take it away")
    return arrays
