"""Networks at small sizes, built once for all tests of this folder."""

import functools
from collections.abc import Callable

import pytest

from cxrcore.models import RECIPES, networks

_SMALLEST = {name: max(64, recipe.architecture.min_size) for name, recipe in RECIPES.items()}
# Two sizes a recipe: the second is odd, so that halving has to round.
SIZES = {name: (size, (size + 11) | 1) for name, size in _SMALLEST.items()}


@pytest.fixture(scope="session")
def small() -> Callable:
    """`small(name, which=0)`: the recipe at its first or second test size, random weights."""

    def change(name: str, which: int = 0):
        return RECIPES[name].override(image_size=SIZES[name][which], weights="random")

    return change


@pytest.fixture(scope="session")
def built(small) -> Callable:
    """`built(name, which=0, n_classes=2)`: a network to share; tests leave it as it is."""

    @functools.cache
    def build(name: str, which: int = 0, n_classes: int = 2):
        recipe = small(name, which)
        return networks.build(recipe, recipe.n_classes or n_classes)

    return build
