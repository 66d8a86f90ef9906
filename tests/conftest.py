"""Fixtures that several rooms share; each module below holds one kind of part."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.settings import Settings

pytest_plugins = [
    "tests.fixtures.certificates",
    "tests.fixtures.apod_servers",
    "tests.fixtures.blob_stores",
    "tests.fixtures.brokers",
    "tests.fixtures.collectors",
    "tests.fixtures.databases",
    "tests.fixtures.gamedays",
    "tests.fixtures.model_servers",
    "tests.fixtures.openid",
    "tests.fixtures.proxies",
    "tests.fixtures.secure_kafka",
    "tests.fixtures.stacks",
]

# Neither the settings of whoever runs the tests nor their .env file may reach what is tested.
for _name in Settings.model_fields:
    os.environ.pop(_name.upper(), None)
if Path(".env").exists():
    pytest.exit(".env would reach what is tested: move it away while the tests run", returncode=1)

_PARTS = ("apache", "postgres", "browser", "kcat", "prometheus", "deploy", "ray")
"""Markers of the tests that need more than Python, and are skipped where it cannot be had."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With DOUBLET_SKIP_NOTHING set, as in CI, a part that cannot be had is a failure.

    DOUBLET_LACKS names the parts that are known not to be had there.
    """
    report = yield
    lacking = os.environ.get("DOUBLET_LACKS", "").split()
    needs_part = any(item.get_closest_marker(part) for part in _PARTS if part not in lacking)
    if report.skipped and needs_part and os.environ.get("DOUBLET_SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and DOUBLET_SKIP_NOTHING is set: {report.longrepr}"
    return report
