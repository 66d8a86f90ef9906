"""Pictures and files that the tests of the feature pipeline are fed with."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def save_many(folder: Path, count: int, height: int = 6, width: int = 8) -> Path:
    """So many different PNGs, named by their seeds."""
    for seed in range(count):
        save(folder / f"{seed}.png", noise(height, width, 3, seed=seed), compress_level=1)
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def bad_files(folder: Path) -> dict[str, str]:
    """A file of every kind that is unfit, with its reason."""
    frames = [Image.fromarray(noise(100, 100, 3, seed=seed)) for seed in range(2)]
    whole = save(folder / "cut-short.jpg", noise(100, 100, 3)).read_bytes()
    (folder / "cut-short.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    frames[0].save(folder / "animated.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "pages.tiff", save_all=True, append_images=frames[1:])
    save(folder / "deep.png", noise(100, 100).astype(np.uint16) * 256)
    save(folder / "clear.png", noise(100, 100, 4))
    return {
        "cut-short.jpg": "undecodable (image file is truncated",
        "text.png": "undecodable (not a picture)",
        "empty.png": "undecodable (not a picture)",
        "animated.webp": "animated or of several pages (2)",
        "pages.tiff": "animated or of several pages (2)",
        "deep.png": "not of 8 bits a level (mode I;16)",
        "clear.png": "transparent",
    }
