"""Fixtures that several rooms share; each module below holds one kind of part."""

import os
from collections.abc import Generator

import pytest

pytest_plugins = [
    "tests.fixtures.apod_servers",
    "tests.fixtures.brokers",
    "tests.fixtures.databases",
    "tests.fixtures.model_servers",
    "tests.fixtures.stacks",
]

_PARTS = ("apache", "postgres", "browser")
"""Markers of the tests that need more than Python, and are skipped where it cannot be had."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With DOUBLET_SKIP_NOTHING set, as in CI, a part that cannot be had is a failure."""
    report = yield
    needs_part = any(item.get_closest_marker(part) for part in _PARTS)
    if report.skipped and needs_part and os.environ.get("DOUBLET_SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and DOUBLET_SKIP_NOTHING is set: {report.longrepr}"
    return report
