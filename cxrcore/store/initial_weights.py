"""Runs that started from random weights although their study used pretrained ones."""

from cxrcore.models import RECIPES
from cxrcore.models.records import KERAS
from cxrcore.store.record import Run


def random_start(run: Run) -> str:
    """The sentence to show beside the run's metrics and predictions; "" where there is none.

    There is none for imported weights, which are marked as such.
    """
    if not missing_pretraining(run.recipe.name, run.weights_used):
        return ""
    return (
        "Started from random weights, not from the pretrained ones that its study used: its "
        "figures say little about the published model."
    )


def missing_pretraining(recipe: str, weights_used: str) -> str:
    """The pretrained weights that the study used where a run started from random ones; else "".

    Args:
        recipe: name of the recipe.
        weights_used: as `Run` has it.

    >>> missing_pretraining("resnet50-masked", "random"), missing_pretraining("cnn-plain", "random")
    ('imagenet', '')
    """
    published = RECIPES.get(recipe)
    if weights_used != "random" or published is None or published.study == KERAS:
        return ""
    return "" if published.weights == "random" else published.weights
