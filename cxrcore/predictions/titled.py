"""What stands for the recipe of a model that is known by its predictions alone."""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from cxrcore.errors import PredictionsError
from cxrcore.models import Recipe
from cxrcore.models.records import Reported
from cxrcore.store import Annotation
from cxrcore.store.annotations import first_fault
from cxrcore.store.record import NOT_HERE


def recipe(
    title: str, kind: str, classes: Sequence[str], *, image_size: int = 32, seed: int = 0
) -> Recipe:
    """A recipe that carries a title, the size of an input and a seed; its other values mean nothing, see `Run.has_recipe`.

    Args:
        title: one line of at most 80 characters.
        kind: the beginning of its name.
        classes: of its predictions.
        image_size: of its network, if it has one.
        seed: of its training, where that is known.

    Raises:
        PredictionsError: the title cannot be used.
    """
    try:
        line = Annotation.model_validate({"title": title}).title
    except ValidationError as error:
        raise PredictionsError(f"The title cannot be used: {first_fault(error)}.") from error
    if not line:
        raise PredictionsError("The predictions need a title, such as 'Our Swin-T'.")
    short = re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-")[:40].strip("-")
    return Recipe(
        name=f"{kind}-{short or 'model'}",
        study="ours",
        title=line,
        description="Made elsewhere or of other runs: it has no recipe.",
        network=NOT_HERE,
        image_size=image_size,
        epochs=1,
        batch_size=1,
        learning_rate=1.0,
        reported=Reported(caveat="Nothing is known of figures that were published."),
        citation="",
        data="",
        class_names=tuple(classes),
        seed=seed,
    )
