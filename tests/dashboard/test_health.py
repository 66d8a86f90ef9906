"""What is said of the model server's device."""

import pytest

from dashboard.health import of_model_server
from dashboard.probes import ModelServerAnswer
from infra.settings import Settings
from serving.client import VersionStatus

LOADED = (VersionStatus(1, "AVAILABLE", "", ()),)


@pytest.mark.parametrize(
    ("asked", "used", "another"),
    [
        ("auto", "CPU, 2 threads, float32", False),
        ("gpu", "CPU, 2 threads, float32", True),
        ("gpu", "GPU, NVIDIA H100", False),
        ("cpu", "GPU, NVIDIA H100", True),
        ("gpu", None, False),
    ],
)
def test_the_device_in_use_beside_the_one_asked_for(
    asked: str, used: str | None, another: bool
) -> None:
    settings = Settings.model_validate({"model_device": asked})
    part = of_model_server(ModelServerAnswer(LOADED, device=used), settings, None)
    assert part.device == f"{used or 'not told by this server'} (asked for: {asked})"
    assert part.on_another_device is another
