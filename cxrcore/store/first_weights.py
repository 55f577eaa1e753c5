"""Runs that started from random weights although their study used pretrained ones."""

from cxrcore.models import RECIPES
from cxrcore.store.record import Run


def random_start(run: Run) -> str:
    """The sentence to show wherever the run's figures or answers stand; "" where none is due.

    Imported weights say for themselves where they come from.
    """
    if not instead_of(run.recipe.name, run.weights_used):
        return ""
    return (
        "Started from random weights, not from the pretrained ones that its study used: its "
        "figures say little about the published model."
    )


def instead_of(recipe: str, weights_used: str) -> str:
    """The pretrained weights that the study of a recipe used in place of random ones; else "".

    Args:
        recipe: its name.
        weights_used: as `Run` has it.

    >>> instead_of("resnet50-masked", "random"), instead_of("cnn-plain", "random")
    ('imagenet', '')
    """
    published = RECIPES.get(recipe)
    if weights_used != "random" or published is None or published.weights == "random":
        return ""
    return published.weights
