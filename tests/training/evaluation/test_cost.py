"""What doubling costs."""

import shlex
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from training.degradation import Picture
from training.evaluation.cost import Cost, cost, energy_counters, joules_between, readings
from training.evaluation.subjects import Bicubic, Command

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


def test_energy_is_estimated_where_no_counter_can_be_read(bicubics: Cost) -> None:
    if energy_counters():
        pytest.skip("this machine shows its energy")
    assert not bicubics.energy_measured
    assert bicubics.joules == pytest.approx(5 * bicubics.cpu_seconds)


def test_energy_counters_of_all_processors_add_up_and_wrap(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / f"intel-rapl:{number}"
        folder.mkdir()
        (folder / "max_energy_range_uj").write_text("10000000")
        (folder / "energy_uj").write_text("9000000")
    (tmp_path / "intel-rapl:0:0").mkdir()  # a part of processor 0, which it counts already
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("1")
    counters = energy_counters(tmp_path)
    before = readings(counters)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("9500000")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("2000000")
    assert joules_between(counters, before, readings(counters)) == pytest.approx(0.5 + 3)
    assert joules_between([], [], []) is None
