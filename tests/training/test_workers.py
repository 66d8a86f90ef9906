"""Members fitted, and pictures packed, by one process and by workers: the outcome is the same."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from tests.training.making import save_one_of_each
from training.features.packing import Packing, pack
from training.features.sources import files
from training.fitting import checkpoint
from training.fitting.members import member_file
from training.fitting.order import Order, fit
from training.workers import Workers

REPOSITORY = Path(__file__).parents[2]
NUMBERS = (3, 10)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Two members, four steps each, on pictures of 104 pixels."""
    save_one_of_each(tmp_path / "pictures")
    return Order(
        recipe="member",
        pictures=tmp_path / "pictures",
        runs=tmp_path / "runs",
        numbers=NUMBERS,
        together=False,
        architecture=None,
        steps=4,
        every=2,
        scoreboard=tmp_path / "scoreboard.csv",
    )


def members(runs: Path) -> list[checkpoint.Weights]:
    return [checkpoint.weights(member_file(runs, "member", n), "weights") for n in NUMBERS]


def assert_same_members(ones: Path, others: Path) -> None:
    for one, other in zip(members(ones), members(others), strict=True):
        for ours, theirs in zip(one, other, strict=True):
            # Threads add in an order of their own: the last digit may differ.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_only_members_are_fitted_apart(order: Order) -> None:
    assert [each.numbers for each in order.apart()] == [(3,), (10,)]
    with pytest.raises(DoubletError, match="only members"):
        list(replace(order, recipe="fast").apart())
    with pytest.raises(DoubletError, match="only members"):
        list(replace(order, together=True).apart())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_members_fitted_apart_equal_members_in_turns(order: Order) -> None:
    fit(order)
    apart = replace(order, runs=order.runs.with_name("apart"))
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        list(executor.map(fit, apart.apart()))
    assert_same_members(order.runs, apart.runs)


def test_workers_pack_the_same_shards(order: Order, tmp_path: Path) -> None:
    sources = files(order.pictures, lambda: None)
    pack(sources, tmp_path / "threads", Packing(), lambda done: None)
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        hands = Workers(executor, 1)
        pack(sources, tmp_path / "workers", Packing(), lambda done: None, hands)
    assert contents(tmp_path / "threads") == contents(tmp_path / "workers")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_without_ray_a_person_is_told_how_to_get_it(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # in place of the one that may be installed
    outcome = doublet("features", order.pictures, "--into", order.runs, "--ray", "local")
    assert outcome.returncode == 1
    assert "doublet[cluster]" in outcome.stderr


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ray_fits_and_packs_the_same(order: Order, tmp_path: Path) -> None:
    if not find_spec("ray"):
        pytest.skip("Ray is not installed: pip install 'doublet[cluster]'")
    fit(order)
    digits = "".join(f"{number:x}" for number in NUMBERS)
    train = ["train", "member", order.pictures, "--members", digits, "--steps", 4, "--every", 2]
    places = ["--runs", tmp_path / "ray", "--scoreboard", tmp_path / "ray.csv"]
    outcome = doublet(*train, *places, "--ray", "local")
    assert outcome.returncode == 0, outcome.stderr
    assert_same_members(order.runs, tmp_path / "ray")
    for shards, more in ((tmp_path / "here", ()), (tmp_path / "there", ("--ray", "local"))):
        outcome = doublet("features", order.pictures, "--into", shards, *more)
        assert outcome.returncode == 0, outcome.stderr
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def doublet(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "doublet", *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
