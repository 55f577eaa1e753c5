"""Networks at small sizes, built once for all tests of this folder."""

import functools
from collections.abc import Callable

import pytest

from cxrcore.models import RECIPES, networks
from tests.helpers import short_trunks

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
def whole(small) -> Callable:
    """`whole(name, which=0, n_classes=2)`: a network to share; tests leave it as it is."""

    @functools.cache
    def build(name: str, which: int, n_classes: int):
        recipe = small(name, which)
        return networks.build(recipe, recipe.n_classes or n_classes)

    # Not on this function: a default that is given would make a second network.
    return lambda name, which=0, n_classes=2: build(name, which, n_classes)


@pytest.fixture(scope="session")
def built(small) -> Callable:
    """`built(name)`: the same, on a short trunk where the network has a pretrained one."""

    @functools.cache
    def build(name: str):
        with short_trunks.in_place():
            recipe = small(name)
            return networks.build(recipe, recipe.n_classes or 2)

    return build
