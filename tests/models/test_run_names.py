"""Runs are found again by later versions: the names that version 0.4 gave them."""

import pytest

from cxrcore import store
from cxrcore.models import RECIPES, Recipe
from cxrcore.splits import SplitSpec

# Computed by version 0.4 (commit dde3584): as published, and by the fast schedule.
NAMES = {
    "cnn-plain": ("97f49a9f", "f16e7be6"),
    "cnn-batchnorm": ("4bc49668", "7e966e01"),
    "cnn-batchnorm-dropout": ("783c573d", "f3576325"),
    "chexnet": ("f4b75ea1", "026abedf"),
    "chexnet-probe": ("16a06363", "f67095fb"),
    "resnet50-masked": ("81363b17", "bcaa82ac"),
    "cnn-five": ("5d265a4c", "76f29a3b"),
    "binary-baseline": ("00dc1407", "663c878a"),
    "binary-pool": ("a75d6cd9", "54e271c2"),
    "binary-l2": ("742aff63", "afecd472"),
    "binary-deep": ("3ecb8d7f", "a1f8ccc0"),
    "binary-l2-lr01": ("1dc7bd43", "4b01dc33"),
    "binary-l2-64": ("460b2f22", "da8dd677"),
    "resnet50v2-xception": ("f67ccfe1", "8a88849a"),
    "compact": ("181fff6e", "181fff6e"),
}


def run_name(recipe: Recipe) -> str:
    return store.run_id(recipe, "0" * 32, SplitSpec(), recipe.class_names)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_request_has_the_name_that_version_0_4_gave_it(name):
    recipe = RECIPES[name]
    assert (run_name(recipe), run_name(recipe.fast())) == tuple(f"{name}-{n}" for n in NAMES[name])


def test_every_recipe_of_version_0_4_is_still_there():
    assert set(NAMES) <= set(RECIPES)


def test_a_recipe_that_version_0_4_wrote_reads_back():
    written = RECIPES["binary-pool"].model_dump(mode="json")
    written["arm"] = written.pop("region")
    written |= {"features": False, "n_classes": 2, "min_size": 16}
    assert Recipe.model_validate(written) == RECIPES["binary-pool"]
