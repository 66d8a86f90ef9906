"""Which fittings a recipe means, and what each of them learns from."""

from collections.abc import Sequence
from pathlib import Path

from infra.errors import DoubletError
from training.features.crops import Crops
from training.features.pictures import Pair, part, read
from training.features.sources import PARTS
from training.fitting.distillation import Answers, taught
from training.fitting.fitting import Fitting, OneNetwork
from training.fitting.members import ALL_PARTS, member_name, members_files
from training.fitting.recipe import Recipe
from training.fitting.together import Members, SideBySide


def one_for_each_part(
    name: str, recipe: Recipe, pictures: Path, runs: Path, numbers: Sequence[int]
) -> list[Fitting]:
    """A network for each of the parts, fitted one after the other."""
    return [
        Fitting(
            member_name(name, number),
            OneNetwork(recipe, seed=number),
            crops(_pairs(pictures, [number]), recipe, seed=number),
            recipe,
            runs,
        )
        for number in numbers
    ]


def all_together(
    name: str, recipe: Recipe, pictures: Path, runs: Path, numbers: Sequence[int]
) -> Fitting:
    """The same networks as `one_for_each_part`, in one vectorised step.

    Raises:
        DoubletError: only compact members can be fitted so.
    """
    if recipe.architecture != "compact":
        raise DoubletError(f"{recipe.architecture} cannot be fitted together: only compact can")
    batches = [crops(_pairs(pictures, [number]), recipe, seed=number) for number in numbers]
    members = Members([member_name(name, number) for number in numbers], recipe, numbers)
    return Fitting(f"{name}s", members, SideBySide(batches), recipe, runs)


def one_of_all(name: str, recipe: Recipe, pictures: Path, runs: Path) -> Fitting:
    """One network that learns from all parts."""
    pairs = _pairs(pictures, ALL_PARTS)
    return Fitting(name, OneNetwork(recipe), crops(pairs, recipe, seed=PARTS), recipe, runs)


def distilled(name: str, recipe: Recipe, pictures: Path, runs: Path) -> Fitting:
    """One network that learns from all parts and from the ensemble of the members in `runs`."""
    answers = Answers(members_files(runs), runs / "taught")
    pairs = list(taught(_pairs(pictures, ALL_PARTS), answers, recipe.crop))
    return Fitting(name, OneNetwork(recipe), crops(pairs, recipe, seed=PARTS + 1), recipe, runs)


def crops(pairs: list[Pair], recipe: Recipe, seed: int) -> Crops:
    return Crops(pairs, recipe.crop, recipe.batch, seed, recipe.degradation, recipe.augmentation)


def _pairs(pictures: Path, numbers: Sequence[int]) -> list[Pair]:
    return [read(source) for number in numbers for source in part(pictures, number)]
