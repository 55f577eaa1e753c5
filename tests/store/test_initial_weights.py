"""Which runs say that they started from random weights although their study did not."""

import pytest

from cxrcore import models, store
from cxrcore.store.card import model_card
from tests.helpers.recipes import HERE
from tests.helpers.runs import made_up

PRETRAINED = {"resnet50-masked", "chexnet", "chexnet-probe", "resnet50v2-xception"}
SENTENCE = "Started from random weights, not from the pretrained ones"


def test_the_recipes_that_start_from_pretrained_weights_are_these():
    assert {name for name, r in HERE.items() if r.weights != "random"} == PRETRAINED


@pytest.mark.parametrize("name", list(HERE))
def test_a_run_from_random_weights_says_so_where_its_study_used_pretrained_ones(name):
    run = made_up(recipe=models.get(name).override(weights="random"), weights_used="random")
    assert store.random_start(run).startswith(SENTENCE) == (name in PRETRAINED)
    assert bool(store.random_start(run)) == (name in PRETRAINED)


@pytest.mark.parametrize("used", ["imagenet", "chexnet", "file mine.h5 (01234567)"])
def test_a_run_from_other_weights_than_its_study_is_no_random_start(used):
    assert store.random_start(made_up(recipe=models.get("chexnet"), weights_used=used)) == ""


def test_imported_weights_say_for_themselves_where_they_come_from():
    run = made_up(
        recipe=models.get("chexnet"), weights_used="imported a.h5 (0123)", imported="a.h5"
    )
    assert store.random_start(run) == ""


def test_a_recipe_that_is_not_known_any_more_says_nothing():
    recipe = models.get("chexnet").model_copy(update={"name": "gone"})
    assert store.random_start(made_up(recipe=recipe, weights_used="random")) == ""


def test_the_model_card_has_the_sentence():
    random = made_up(recipe=models.get("chexnet"), weights_used="random")
    assert f"- {store.random_start(random)}" in model_card(random)
    assert SENTENCE not in model_card(made_up(recipe=models.get("chexnet"), weights_used="chexnet"))
