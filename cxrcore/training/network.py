"""The network as it is trained: whole, or a head on features that are computed once."""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxrcore import networks
from cxrcore.pixels import Pixels
from cxrcore.recipes import Recipe
from cxrcore.training import features, machine
from cxrcore.training.data import Rows
from cxrcore.training.reporting import Reporter

if TYPE_CHECKING:
    import keras


@dataclass
class Network:
    """`whole` is the model that is kept; `part` trains, and reads `rows`.

    They are the same model on pixels, or `part` is the head of `whole` on
    features; the two share their layers.
    """

    whole: "keras.Model"
    part: "keras.Model"
    rows: Rows

    def examiner(self) -> "keras.Model":
        """Maps a batch of `rows` to its probabilities and to what the last layer sees."""
        import keras

        *before, last = self.part.layers
        if self.part is self.whole:
            # Of a binary network the last layer sees one number; what makes it says more.
            made_by = next((layer for layer in before if layer.name == "logit"), last)
            return keras.Model(self.part.input, [self.part.output, made_by.input])
        # A head's layers also stand in the whole model, and their `input` is the one there.
        features = x = keras.Input(self.part.input.shape[1:])
        for layer in before[1:]:
            x = layer(x)
        return keras.Model(features, [last(x), x])


@contextlib.contextmanager
def opened(
    recipe: Recipe,
    classes: Sequence[str],
    pixels: Pixels,
    reporter: Reporter,
    *,
    precision: str,
    new: bool,
) -> Iterator[Network]:
    """The network with first weights (`new`), or with random ones to be replaced.

    A frozen trunk always gets its pretrained weights, since no checkpoint has
    them. Its features are those of float32, whatever the precision, so that
    head and trunk agree with the model that is kept.

    Raises:
        WeightsError: pretrained weights are missing or do not fit.
        Cancelled, StoreError: as for `features.compute`.
    """
    reporter.tell("building")
    weights = None if new or recipe.features else "random"
    with machine.precision_policy(precision):
        whole = networks.build(recipe, list(classes), weights, report=reporter.of("building"))
    if recipe.features:
        trunk, part = networks.trunk_and_head(whole)
        rows = Rows(features.compute(trunk, pixels, reporter))
    else:
        part, rows = whole, Rows(pixels.array)
    try:
        yield Network(whole, part, rows)
    finally:
        rows.close()
        del whole, part
        gc.collect()  # models hold themselves in cycles; the next one needs the memory
