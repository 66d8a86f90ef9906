"""The curves that ship beside a model are those that TensorBoard shows."""

from pathlib import Path

from serving.curves import Point
from training.curves import VALIDATION, Curves, collected


def test_the_last_words_of_each_step_count(tmp_path: Path) -> None:
    for turns in ([(500, 30.0), (1000, 31.0)], [(1000, 31.5), (1500, 32.0)]):
        curves = Curves(tmp_path, "fast")
        for step, psnr in turns:
            curves.add(step, {VALIDATION: psnr, "loss": 4.0})
    points = collected(tmp_path, ["never fitted", "fast"])
    assert points == [Point("fast", *at) for at in ((500, 30.0), (1000, 31.5), (1500, 32.0))]
