"""The page on scaling says what the figures say, and its arithmetic is right."""

import json
from dataclasses import replace

import pytest

from scripts.sizing import FIGURES, PAGE, Assumptions, page, plan, tiled_megapixels

DOCUMENT = json.loads(FIGURES.read_text())
ASSUMED = Assumptions()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(DOCUMENT, ASSUMED), "run `python scripts/sizing.py`"


def test_every_series_begins_with_one_consumer() -> None:
    for name in {figure["series"] for figure in DOCUMENT["figures"]}:
        counts = [f["consumers"] for f in DOCUMENT["figures"] if f["series"] == name]
        assert counts[0] == 1
        assert counts == sorted(counts)


def test_a_thousand_times_the_pictures_need_a_thousand_times_as_much() -> None:
    one, many = (plan(DOCUMENT, rate, "doublet", ASSUMED) for rate in (1000, 1_000_000))
    assert many.bytes_a_day == pytest.approx(1000 * one.bytes_a_day)
    assert many.gpus == pytest.approx(1000 * one.gpus, rel=0.01)
    assert many.consumers == pytest.approx(1000 * one.consumers, rel=0.01)


def test_a_gpu_twice_as_fast_halves_the_gpus() -> None:
    slow = plan(DOCUMENT, 1000, "doublet", ASSUMED)
    fast = plan(DOCUMENT, 1000, "doublet", replace(ASSUMED, gpu_tflops=2 * ASSUMED.gpu_tflops))
    assert fast.gpus == pytest.approx(slow.gpus / 2, rel=0.01)
    assert fast.dollars_a_month < slow.dollars_a_month


def test_sixteen_members_compute_sixteen_times_what_one_does() -> None:
    gflop = DOCUMENT["gflop_per_megapixel"]
    assert gflop["doublet"] == pytest.approx(16 * gflop["doublet-fast"])


def test_tiles_hold_the_picture_and_their_halos() -> None:
    assert 12 < tiled_megapixels() < 12 * 1.5
