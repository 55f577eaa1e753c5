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


def build(small: Callable, name: str, which: int = 0, n_classes: int = 2):
    """The network of `small(name, which)`."""
    recipe = small(name, which)
    return networks.build(recipe, recipe.n_classes or n_classes)


@pytest.fixture(scope="session")
def whole(small) -> Callable:
    """`whole(name, which=0, n_classes=2)`: a network to share; tests leave it as it is."""
    return functools.cache(functools.partial(build, small))


@pytest.fixture(scope="session")
def built(small) -> Callable:
    """As `whole`, on a short trunk where the network has a pretrained one."""

    @functools.cache
    def short(*arguments: object):
        with short_trunks.in_place():
            return build(small, *arguments)

    return short
