"""How long a fault lasts: seconds in `make test`, and as long as in real life in `make gameday`."""

import pytest


def lasting(seconds: float, gameday: float) -> pytest.MarkDecorator:
    """Parametrize a test by the ``seconds`` that its fault lasts."""
    marks = [pytest.mark.gameday, pytest.mark.timeout(gameday + 300)]
    return pytest.mark.parametrize("seconds", [seconds, pytest.param(gameday, marks=marks)])
