"""Writes the pages that are made from the code: docs/settings.md and docs/commands.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic_core import PydanticUndefined

import doublet
from infra.secret_files import secret_names
from infra.settings import Settings

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


PAGES = {"settings.md": settings_page, "commands.md": commands_page}


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
