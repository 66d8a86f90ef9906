"""Fixtures that several rooms share; each module below holds one kind of part."""

import importlib.util

pytest_plugins = [
    plugin
    for plugin in (
        "tests.fixtures.apod_servers",
        "tests.fixtures.brokers",
        "tests.fixtures.databases",
        "tests.fixtures.model_servers",
    )
    if importlib.util.find_spec(plugin) is not None
]
