"""Whether image quality gives away the class or the source of an image."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxrcore.quality.association import Association, association
from cxrcore.quality.dependence import Dependence, dependence, within

_MOST_NAMED = 3  # sources


@dataclass(frozen=True)
class Shortcut:
    """What the scores of images depend on; None where no image has a known source."""

    by_class: Dependence
    by_source: Dependence | None = None
    association: Association | None = None  # of source and class
    within: dict[str, Dependence] = field(default_factory=dict)  # by class, inside each source

    @property
    def found(self) -> bool:
        """Whether a model could use the scores to recognise the class or the source."""
        return self.by_class.shortcut or bool(self.by_source and self.by_source.shortcut)

    @property
    def sentences(self) -> list[str]:
        """The findings, for people."""
        sentences = [self.by_class.sentence]
        if self.by_source is not None and self.by_source.tested:
            sentences.append(self.by_source.sentence)
        if self.association is not None and self.association.sentence:
            sentences.append(self.association.sentence)
            both = self.by_class.shortcut and self.by_source and self.by_source.shortcut
            if both and self.association.strong:
                sentences.append(self._class_or_source())
        return sentences

    def _class_or_source(self) -> str:
        """Which of the two is behind the difference, as far as the data can tell."""
        if not self.within:
            return (
                "No source has two classes with enough images, so it cannot be told whether the "
                "class or the source makes the difference."
            )
        still = [name for name, found in self.within.items() if found.shortcut]
        if not still:
            return (
                "Among images of the same source, quality no longer gives the class away: the "
                "difference lies in where the images come from."
            )
        names = ", ".join(still[:_MOST_NAMED])
        if len(still) > _MOST_NAMED:
            names += f" and {len(still) - _MOST_NAMED} more"
        return f"Quality depends on the class even among images of the same source: {names}."


def shortcut(
    scores: NDArray[np.float64], classes: pd.Series, sources: pd.Series, *, names: Sequence[str]
) -> Shortcut:
    """Test whether scores depend on the class and on the source of an image.

    Args:
        scores: (n,) any scale, NaN where an image has none.
        classes: (n,) the class of each image.
        sources: (n,) the source of each image, missing where it is not known.
        names: the classes in their order.

    Raises:
        DatasetError: not one class and source for each score.
    """
    by_class = dependence(scores, classes, "class", names=names)
    if sources.isna().all():
        return Shortcut(by_class)
    return Shortcut(
        by_class,
        dependence(scores, sources, "source"),
        association(classes.where(pd.Series(np.isfinite(scores))), sources),
        within(scores, classes, sources),
    )
