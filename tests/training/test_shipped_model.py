"""The shipped models keep their promises."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from serving import contract
from training.evaluation.saved_model import SavedModel
from training.features.degradation import resized
from training.measures import psnr

MODELS = Path(__file__).parents[2] / "serving" / "models"


SHIPPED = {MODELS / "doublet" / "3": 16, MODELS / "doublet-fast" / "3": 1}
"""Version folders, and how many members each has."""


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda folder: folder.parent.name)
def served(request: pytest.FixtureRequest) -> SavedModel:
    return SavedModel(request.param)


def outputs(served: SavedModel) -> list[str]:
    """One network agrees with itself: it has no spread."""
    return [contract.DOUBLED, contract.SPREAD][: 1 + (served.card[contract.MEMBERS] > 1)]


def test_no_other_model_is_shipped() -> None:
    assert {file.parent for file in MODELS.rglob("saved_model.pb")} == SHIPPED.keys()


def picture(height: int, width: int) -> np.ndarray:
    astronaut: np.ndarray = data.astronaut()  # type: ignore[no-untyped-call]
    return astronaut[:height, 160 : 160 + width]


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 40)])
def test_any_size_is_answered(served: SavedModel, shape: tuple[int, int]) -> None:
    assert served.double(picture(*shape)).shape == (2 * shape[0], 2 * shape[1], 3)


def test_its_card_says_what_it_is(served: SavedModel) -> None:
    assert served.card[contract.MEMBERS] in SHIPPED.values()
    assert served.radius == 8
    assert served.card.keys() >= {"training_data", "trained", "commit", "colour_range"}


def test_nothing_beyond_the_radius_counts(served: SavedModel) -> None:
    side, spot = 32, 15
    before = picture(side, side)
    after = before.copy()
    after[spot, spot] = 255 - after[spot, spot]
    for output in outputs(served):
        answers = [served.run(tiles[None], output)[0] for tiles in (before, after)]
        changed = np.argwhere(answers[0] != answers[1])[:, :2] // contract.SCALE
        assert np.abs(changed - spot).max() <= served.radius
        assert len(changed)


def test_a_tile_with_its_halo_equals_the_whole(served: SavedModel) -> None:
    whole = picture(64, 48)
    doubled = served.run(whole[None], contract.DOUBLED)[0]
    halo, core = served.radius, slice(20, 40)
    tile = whole[core.start - halo : core.stop + halo, core.start - halo : core.stop + halo]
    inside = slice(2 * halo, -2 * halo)
    ours = served.run(tile[None], contract.DOUBLED)[0][inside, inside].astype(int)
    theirs = doubled[2 * core.start : 2 * core.stop, 2 * core.start : 2 * core.stop]
    assert np.abs(ours - theirs).max() <= 1


def test_a_batch_equals_its_tiles(served: SavedModel) -> None:
    tiles = np.stack([picture(24, 24), picture(48, 48)[24:, 24:]])
    together = served.run(tiles, contract.DOUBLED).astype(int)
    alone = [served.run(tile[None], contract.DOUBLED)[0] for tile in tiles]
    assert np.abs(together - np.stack(alone)).max() <= 1


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.parent.name)
def test_bfloat16_stays_within_a_grey_level(folder: Path) -> None:
    tiles = picture(96, 96)[None]
    with SavedModel(folder) as exact, SavedModel(folder, "bfloat16") as quick:
        answers = [model.run(tiles, contract.DOUBLED).astype(int) for model in (exact, quick)]
    assert np.abs(answers[0] - answers[1]).max() <= 1


@pytest.mark.parametrize("name", ["astronaut", "hubble_deep_field"])
def test_it_is_better_than_bicubic(served: SavedModel, name: str) -> None:
    full = getattr(data, name)()[64:320, 64:320]
    half = resized(full, 0.5)
    assert psnr(served.double(half), full) > psnr(resized(half, 2), full) + 0.5


def test_all_models_together_stay_under_20_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 20e6
