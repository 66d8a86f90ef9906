"""What the measurement of scaling reads is there."""

import pytest

from scripts.scaling import variables
from serving.contract import MODELS


@pytest.mark.parametrize("model", MODELS)
def test_the_weights_that_are_counted_are_shipped(model: str) -> None:
    assert variables(model).with_suffix(".index").is_file()
