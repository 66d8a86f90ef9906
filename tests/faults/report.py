"""The page that `make gameday` writes."""

import os
import platform
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version

from infra.books import Account
from tests.faults.day import Day, Row, Soak

_ROWS_OF_A_SOAK = 16
"""So many samples are shown, of however many were taken."""


def written(now: datetime, day: Day) -> str:
    """The page in Markdown."""
    return "\n".join(_lines(now, day)) + "\n"


def _lines(now: datetime, day: Day) -> Iterator[str]:
    yield f"# Game day of {now:%Y-%m-%d}"
    yield ""
    yield (
        f"Written by `make gameday`, for the last time at {now:%H:%M} UTC, on {_machine()}, by "
        f"Doublet {version('doublet')}."
    )
    yield ""
    yield f"{len(day.rows)} drills, {len(day.soaks)} soaks. {_failures(day.failed)}"
    if day.rows:
        yield from _faults(day.rows.values())
    for soak in day.soaks.values():
        yield from _soak(soak)


def _machine() -> str:
    return f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _failures(failed: list[str]) -> str:
    names = ", ".join(f"`{name}`" for name in failed)
    return f"These failed when last run: {names}." if failed else "None failed when last run."


def _faults(rows: Iterable[Row]) -> Iterator[str]:
    yield ""
    yield "## Faults"
    yield ""
    yield "Books: accepted = done + duplicate + dead + in flight (and deleted, where Kafka deleted"
    yield "what was not delivered). *Differences* are the verifier's, of `doublet books --verify`:"
    yield "offsets that have no end, or two. *Back after*: from the mending to the last commit."
    yield ""
    yield (
        "| fault | broker | what was broken | for | books before | books after "
        "| differences | back after |"
    )
    yield "|---|---|---|---:|---|---|---:|---:|"
    for row in sorted(rows, key=lambda it: (it.fault, it.broken, it.broken_s, it.broker)):
        yield (
            f"| {row.fault} | {row.broker} | {row.broken} | {row.broken_s:.1f} s "
            f"| {_books(row.before)} | {_books(row.after)} | {len(row.differences)} "
            f"| {row.recovered_s:.1f} s |"
        )


def _books(account: Account) -> str:
    ends = {
        "done": account.done,
        "duplicate": account.duplicate,
        "dead": account.dead,
        "in flight": account.in_flight,
        "deleted": account.deleted,
        "**differ**": account.difference,
    }
    said = " + ".join(f"{count} {name}" for name, count in ends.items() if count)
    return f"{account.accepted} = {said or 0}"


def _soak(soak: Soak) -> Iterator[str]:
    minutes = soak.samples[-1].at_s / 60
    yield ""
    yield f"## Soak of {minutes:.0f} minutes on {soak.broker}"
    yield ""
    yield f"{soak.load}."
    yield ""
    yield f"Books afterwards: {_books(soak.after)}; {len(soak.differences)} differences."
    yield ""
    yield "| minute | settled | waiting | memory, MiB | file descriptors | connections | threads |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    step = max(1, (len(soak.samples) - 1) // _ROWS_OF_A_SOAK)
    for it in soak.samples[::step]:
        yield (
            f"| {it.at_s / 60:.1f} | {it.settled} | {it.waiting} | {it.resident_mib:.1f} "
            f"| {it.descriptors} | {it.connections} | {it.threads} |"
        )
    memory, descriptors, connections = (
        soak.slope_per_hour(held) for held in ("resident_mib", "descriptors", "connections")
    )
    yield ""
    yield (
        f"Slope in the second half, by least squares over {len(soak.samples) // 2} samples: memory "
        f"{memory:+.2f} MiB an hour, file descriptors {descriptors:+.2f}, connections "
        f"{connections:+.2f}."
    )
