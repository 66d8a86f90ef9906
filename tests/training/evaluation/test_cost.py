"""What doubling costs."""

import shlex
import sys
import time
from functools import partial

import numpy as np
import pytest

from infra.errors import DoubletError
from training.energy import WATTS_A_CORE, meter
from training.evaluation.cost import Cost, cost
from training.evaluation.subjects import Bicubic, Command
from training.features.degradation import Picture

SIDE = 16
MEGAPIXELS = SIDE**2 / 1e6


class Sleeper:
    """Takes time, and nearly no CPU."""

    name = "sleeper"

    def double(self, picture: Picture) -> Picture:
        time.sleep(0.05)
        return picture


class Hoarder:
    """Takes memory: 300 MB of it."""

    name = "hoarder"

    def double(self, picture: Picture) -> Picture:
        np.ones(300_000_000, np.uint8)
        return picture


@pytest.fixture(scope="module")
def bicubics() -> Cost:
    return cost(Bicubic, SIDE)


def test_waiting_is_time_but_not_cpu_time() -> None:
    slept = cost(Sleeper, SIDE)
    assert slept.seconds * MEGAPIXELS >= 0.05
    assert slept.cpu_seconds < slept.seconds / 2


def test_the_peak_is_the_subjects_own(bicubics: Cost) -> None:
    ballast = np.ones(600_000_000, np.uint8)  # ours, and none of the subject's business
    hoarded = cost(Hoarder, SIDE)
    assert 250e6 < hoarded.peak_bytes - bicubics.peak_bytes < 350e6
    assert bicubics.peak_bytes < 300e6 < ballast.nbytes


def test_the_cpu_time_of_a_command_counts() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nimport sys, shutil\n"
    busy += "from PIL import Image\ni = Image.open(sys.argv[1])\n"
    busy += "i.resize((2 * i.width, 2 * i.height)).save(sys.argv[2])"
    template = f"{shlex.quote(sys.executable)} -c {shlex.quote(busy)} {{input}} {{output}}"
    assert cost(partial(Command, template), SIDE).cpu_seconds * MEGAPIXELS >= 0.2


def test_a_subjects_failure_comes_back_from_its_process() -> None:
    with pytest.raises(DoubletError, match="cannot be run"):
        cost(partial(Command, "/absent {input} {output}"), SIDE)


def test_energy_follows_the_meter(bicubics: Cost) -> None:
    assert bicubics.energy == meter().source
    assert bicubics.joules > 0
    if bicubics.energy == "estimated":
        # Its interval holds that of the CPU seconds, and little more.
        assert 1 <= bicubics.joules / (WATTS_A_CORE * bicubics.cpu_seconds) < 2
