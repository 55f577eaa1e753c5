"""Families of trainings: the folds of a cross-validation, and repeats with other seeds."""

from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError
from cxrcore.models import Recipe
from cxrcore.splits import SplitSpec
from cxrcore.training.plan import TrainSpec, plan

MOST_REPEATS = 20
MOST_RUNS = 50  # each waiting training is a process


def plan_series(
    recipe: Recipe,
    dataset: Dataset,
    split: SplitSpec | None = None,
    *,
    folds: int = 1,
    repeats: int = 1,
) -> list[TrainSpec]:
    """The specifications of a family: all folds of the first seed, then those of the next.

    The folds are the same for every seed, so that seeds show the effect of chance in the training.

    Args:
        recipe: its seed is the first; each repeat adds one.
        dataset: the images to train on.
        split: how to divide it; its fold is ignored.
        folds: 2 to 10, or 1 for no cross-validation.
        repeats: how many seeds, 1 to 20.

    Raises:
        TrainingError: too many repeats or trainings, or what `plan` raises.
        DatasetError: that number of folds is not possible.
        RecipeError: a seed is out of range.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise TrainingError(
            f"Repeats must be 1 to {MOST_REPEATS}. Received: {repeats}. Each is a training with "
            "a seed of its own."
        )
    if (count := folds * repeats) > MOST_RUNS:
        raise TrainingError(
            f"{folds} folds with {repeats} seeds are {count} trainings; at most {MOST_RUNS} can "
            "wait at once. Take fewer seeds or fewer folds."
        )
    divided = (split or SplitSpec()).in_folds(folds)
    recipes = [recipe.override(seed=recipe.seed + number) for number in range(repeats)]
    return [plan(seeded, dataset, part) for seeded in recipes for part in divided]
