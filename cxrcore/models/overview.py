"""The table of all recipes in the README."""

from cxrcore.models.records import KERAS
from cxrcore.models.registry import models

_COLUMNS = ("model", "study", "input", "parameters", "starts from", "published accuracy")


def markdown() -> str:
    """One row per recipe but those of Keras, in Markdown; a test compares the README with it."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    for recipe in models().recipes.values():
        if recipe.study == KERAS:  # forty rows more; one sentence says it all
            continue
        region = "" if recipe.region == "none" else f", {recipe.region}"
        accuracy = recipe.reported.accuracy
        count = recipe.count_parameters(recipe.n_classes_published)
        rows.append(
            (
                f"`{recipe.name}`",
                recipe.study,
                f"{recipe.image_size} px{region}",
                "" if count is None else f"{count:,}",
                recipe.weights,
                "" if accuracy is None else f"{accuracy:.3f}",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
