"""The published models as data: one study a file, one record a model.

Where a study's text and its notebook disagree, the recipe follows the notebook, because
the notebook is what produced the reported figures; the other value is in `defects`.

>>> get("cnn-plain").image_size
192
"""

from cxrcore.errors import RecipeError
from cxrcore.models import ours, study_a, study_b, study_c, study_d, study_e
from cxrcore.models.recipe import FAST, SCHEDULE, SETTLING_STEPS, Recipe
from cxrcore.models.records import ClassReport, Plateau, Reported, Stopping

__all__ = [
    "FAST",
    "RECIPES",
    "SCHEDULE",
    "SETTLING_STEPS",
    "ClassReport",
    "Plateau",
    "Recipe",
    "Reported",
    "Stopping",
    "get",
    "schedule_of",
]

_STUDIES = (study_b, study_a, study_e, study_c, study_d, ours)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for study in _STUDIES for recipe in study.RECIPES}


def get(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        RecipeError: there is none; lists the names.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise RecipeError(
            f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}."
        ) from None


def schedule_of(recipe: Recipe) -> str:
    """How long it trains: "published" as its study did, "fast" as `Recipe.fast`, else "own"."""
    told = {name: getattr(recipe, name) for name in FAST}
    if recipe.name in RECIPES and told == {n: getattr(RECIPES[recipe.name], n) for n in FAST}:
        return "published"
    return "fast" if recipe.fast() == recipe or told == FAST else "own"
