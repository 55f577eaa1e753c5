"""The name of a family: the runs that differ in seed and fold alone."""

import functools
import hashlib
import json
from collections.abc import Sequence

from cxrcore import duplicates, pixels
from cxrcore.models import Recipe
from cxrcore.splits import SplitSpec
from cxrcore.store.record import TRAINING_VERSION, Run, run_id


def family_id(
    recipe: Recipe,
    fingerprint: str,
    split: SplitSpec,
    classes: Sequence[str],
    grouping: str = "",
    *,
    earlier: bool = False,
) -> str:
    """`<recipe>-family-<8 hex>`: the same for trainings that differ in seed and fold alone.

    The arguments are those of `run_id`. `earlier` is for runs from before one of the versions
    was raised: images may have been divided or prepared differently.
    """
    excluded = {"fold"}
    if split.folds:  # neither counts then
        excluded |= {"test", "published"}
    fields = recipe.weights_fields()
    fields.pop("seed")
    parts = {
        "recipe": fields,
        "fingerprint": fingerprint,
        "split": split.model_dump(mode="json", exclude=excluded, exclude_none=True),
        "classes": list(classes),
        "grouping": grouping,
        "versions": None if earlier else [TRAINING_VERSION, pixels.VERSION, duplicates.DIVISION],
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return f"{recipe.name}-family-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def family_of(run: Run) -> str:
    """The family of a run, see `family_id`.

    Imported weights and external tests are families of their own; folds of imported predictions belong
    together.
    """
    folds = run.split.folds and not run.has_recipe
    if run.home or (run.imported and not folds):
        return run.run_id
    decides = (run.recipe, run.fingerprint, run.split, tuple(run.classes), run.grouping)
    return _family(*decides, run.run_id, TRAINING_VERSION)


@functools.lru_cache(maxsize=1024)
def _family(
    recipe: Recipe,
    fingerprint: str,
    split: SplitSpec,
    classes: tuple[str, ...],
    grouping: str,
    name: str,
    _version: int,
) -> str:
    """The family of a run called `name`; pages ask for that of every run at each rerun."""
    decides = (recipe, fingerprint, split, classes, grouping)
    return family_id(*decides, earlier=run_id(*decides) != name)
