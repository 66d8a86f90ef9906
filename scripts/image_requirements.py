"""Print the part of requirements.lock that consumer, scheduler and dashboard need, hashes and all.

TensorFlow and what only training and the local stack use are two thirds of an environment, and
none of these three imports them. Needs nothing but Python: it runs while the image is built.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = {
    "keras",
    "matplotlib",
    "nvidia-ml-py",
    "scikit-image",
    "tensorboard",
    "tensorflow",
    "tensorflow-serving-api",
}
"""Dependencies that only the trainer, the embedded model server and `doublet up` import."""


def image_requirements(project: str, lock: str) -> str:
    """The lock's entries for the dependencies that are not left out, and for what these need."""
    declared: list[str] = tomllib.loads(project)["project"]["dependencies"]
    wanted = {re.split(r"[\[<>=,;]", line)[0] for line in declared} - LEFT_OUT
    entries = {_name(entry): entry for entry in _entries(lock)}
    kept: dict[str, str] = {}
    while rest := {name for name in entries if name not in kept and name in wanted}:
        for name in rest:
            kept[name] = entries[name]
        wanted |= {name for name, entry in entries.items() if _needed_by(entry) & kept.keys()}
    return "".join(kept[name] for name in sorted(kept))


def _entries(lock: str) -> Iterator[str]:
    """Each package's lines: its version, its hashes, and as comments what needs it."""
    yield from re.findall(r"^[a-z0-9].*\n(?:[ ].*\n)+", lock, re.MULTILINE)


def _name(entry: str) -> str:
    return re.split(r"[\[=@ ]", entry, maxsplit=1)[0]


def _needed_by(entry: str) -> set[str]:
    """From uv's comments: `# via NAME`, or a list of names below `# via`."""
    return set(re.findall(r"#\s+(?:via )?([a-z0-9][a-z0-9._-]*)$", entry, re.MULTILINE))


if __name__ == "__main__":
    here = Path.cwd()
    print(  # noqa: T201
        image_requirements(
            (here / "pyproject.toml").read_text(), (here / "requirements.lock").read_text()
        ),
        end="",
    )
