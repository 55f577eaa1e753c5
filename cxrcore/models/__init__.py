"""The models that can be trained: one file a study, with its networks and its recipes.

Where a study's text and its notebook disagree, the recipe follows the notebook, because
the notebook produced the reported figures; the other value is in `defects`.

>>> get("cnn-plain").image_size
192
"""

from collections.abc import Mapping

from cxrcore.models import registry
from cxrcore.models.networks import build
from cxrcore.models.recipe import FAST, SCHEDULE, SETTLING_STEPS, Recipe
from cxrcore.models.records import ClassReport, Network, Plateau, Reported, Source, Stopping
from cxrcore.models.registry import View, get

__all__ = [
    "FAST",
    "RECIPES",
    "SCHEDULE",
    "SETTLING_STEPS",
    "ClassReport",
    "Network",
    "Plateau",
    "Recipe",
    "Reported",
    "Source",
    "Stopping",
    "build",
    "get",
    "problems",
    "schedule_of",
]

RECIPES: Mapping[str, Recipe] = View("recipes")


def problems() -> tuple[str, ...]:
    """A sentence for each file of `settings.recipes_dir()` that could not be used."""
    return registry.models().problems


def schedule_of(recipe: Recipe) -> str:
    """How long it trains: "published" as in its study, "fast" as `Recipe.fast`, else "own"."""
    chosen = {name: getattr(recipe, name) for name in FAST}
    if recipe.name in RECIPES and chosen == {n: getattr(RECIPES[recipe.name], n) for n in FAST}:
        return "published"
    known = recipe.network in registry.models().networks  # not in a run of a model since removed
    return "fast" if chosen == FAST or (known and recipe.fast() == recipe) else "own"
