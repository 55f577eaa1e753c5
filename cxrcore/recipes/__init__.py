"""The published models as data: one study a file, one record a model.

Where a study's text and its notebook disagree, the recipe follows the notebook, because
the notebook is what produced the reported figures; the other value is in `defects`.

>>> get("cnn-plain").image_size
192
"""

from cxrcore.errors import RecipeError
from cxrcore.recipes import study_a, study_b, study_e
from cxrcore.recipes.recipe import (
    CHANGEABLE,
    LIMITS,
    ClassReport,
    Plateau,
    Recipe,
    Reported,
)

__all__ = [
    "CHANGEABLE",
    "LIMITS",
    "RECIPES",
    "ClassReport",
    "Plateau",
    "Recipe",
    "Reported",
    "get",
]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*study_b.RECIPES, *study_a.RECIPES, *study_e.RECIPES)
}


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
