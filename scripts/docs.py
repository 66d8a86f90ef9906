"""Writes the pages that are made from the code: settings, commands and metrics, in docs/."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer.main
from pydantic_core import PydanticUndefined

import doublet
import serving.metrics
from consumers.metrics import CONSUMER
from dashboard.metrics import DASHBOARD
from infra.metrics import INFO, Declared
from infra.secret_files import secret_names
from infra.settings import Settings
from producers.metrics import SCHEDULER

DOCS = Path(__file__).parents[1] / "docs"


def settings_page() -> str:
    """One row for each setting."""
    rows = "\n".join(_setting_rows())
    return f"""# Settings

Each is an environment variable, or a line in a file named `.env` where Doublet is started. This
page is written by `make docs` from `infra/settings.py`.

| variable | default | meaning |
|---|---|---|
{rows}
"""


def commands_page() -> str:
    """The help of every command, as `--help` prints it."""
    root = typer.main.get_command(doublet.app)
    sections = "\n".join(_command_sections(root, "doublet"))
    return f"""# Commands

What `--help` says of each. This page is written by `make docs` from the rooms' `commands.py`.

{sections}"""


def metrics_page() -> str:
    """One table for each part."""
    sections = "\n".join(
        f"## {title}\n\n| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n"
        + "\n".join(_metric_row(metric) for metric in declared)
        + "\n"
        for title, declared in _METRICS.items()
    )
    return f"""# Metrics

What each part shows to Prometheus; [monitoring.md](monitoring.md) says where, and what to do about
it. This page is written by `make docs` from the rooms' `metrics.py`. Every page of ours also has
`{INFO}` (labels part and version), and `process_…` with its process's memory, processor time and
open files.

{sections}"""


_METRICS: dict[str, Sequence[Declared]] = {
    "Consumer": CONSUMER.declared,
    "Scheduler": SCHEDULER.declared,
    "Dashboard": DASHBOARD.declared,
    "Model server: TensorFlow Serving, or the embedded one": serving.metrics.DECLARED,
}

PAGES = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "metrics.md": metrics_page,
}


def _metric_row(metric: Declared) -> str:
    labels = ", ".join(metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.meaning} |"


def _setting_rows() -> Iterator[str]:
    secrets = secret_names(Settings)
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else str(field.default)
        shown = f"`{default}`" if default else "(empty)"
        meaning = field.description or ""
        if name in secrets:
            meaning += f" Secret; `{name.upper()}_FILE` may name a file that holds it."
        yield f"| `{name.upper()}` | {shown} | {meaning} |"


def _command_sections(command: Any, path: str) -> Iterator[str]:
    context = command.make_context(path, [], resilient_parsing=True)
    children = getattr(command, "commands", None)
    if children is not None:
        for name, child in children.items():
            if not child.hidden:
                yield from _command_sections(child, f"{path} {name}")
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## `{path} {usage}`\n"
    yield f"{_paragraphs(command.help or '')}\n"
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record:
            yield f"- `{record[0]}`: {' '.join(record[1].split())}"
    yield ""


def _paragraphs(text: str) -> str:
    return text.replace("\b\n", "").strip()


def main() -> None:
    """Write every page."""
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())


if __name__ == "__main__":
    main()
