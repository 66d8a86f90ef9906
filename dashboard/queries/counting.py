"""Counting no further than anybody looks."""

from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select

MOST_COUNTED = 10_000
"""Rows that are counted, and that a list leads to: whoever looks for an older one narrows it."""


def counted(rows: Select[Any]) -> ScalarSelect[int]:
    """How many rows there are; MOST_COUNTED where there are at least so many."""
    few = rows.limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(few).scalar_subquery()
