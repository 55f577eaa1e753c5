"""The recipes that tests go through one by one: all but those of Keras, which one table makes."""

from cxrcore.models import RECIPES
from cxrcore.models.records import KERAS

HERE = {name: recipe for name, recipe in RECIPES.items() if recipe.study != KERAS}
FROM_KERAS = {name: recipe for name, recipe in RECIPES.items() if recipe.study == KERAS}
