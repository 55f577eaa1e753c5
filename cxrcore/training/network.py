"""The network as it is trained: whole, or a head on features that are computed once."""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxrcore.models import Recipe, networks
from cxrcore.pixels import Pixels
from cxrcore.training import features, machine
from cxrcore.training.data import Rows
from cxrcore.training.monitor import Reporter

if TYPE_CHECKING:
    import keras


@dataclass
class Network:
    """`whole` is the model that is kept; `part` trains, and reads `rows`.

    They are the same model on pixels, or `part` is the head of `whole` on
    features; the two share their layers. `note` says of a network whose first
    layers are frozen whether their features are kept; else it is empty.
    """

    whole: "keras.Model"
    part: "keras.Model"
    rows: Rows
    note: str = ""

    @property
    def on_features(self) -> bool:
        """Whether only a head is trained, on features that are computed once."""
        return self.part is not self.whole

    def examiner(self) -> "keras.Model":
        """Maps a batch of `rows` to its probabilities and to what the last layer sees."""
        import keras

        *before, last = self.part.layers
        if not self.on_features:
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
    on_features: bool,
) -> Iterator[Network]:
    """The network with first weights (`new`), or with random ones to be replaced.

    With `on_features` its frozen layers get their pretrained weights in any case, since no
    checkpoint has them. Their features are those of float32, whatever the precision, so that
    head and trunk agree with the model that is kept. A `new` network whose features do not
    fit on the disk is trained whole, and its `note` says so; an older one needs them.

    Raises:
        WeightsError: pretrained weights are missing or do not fit.
        Cancelled, StoreError: as for `features.compute`.
    """
    reporter.tell("building")
    weights = None if new or on_features else "random"

    def built(precision: str) -> "keras.Model":
        with machine.precision_policy(precision):
            return networks.build(recipe, list(classes), weights, report=reporter.of("building"))

    whole = built(precision)
    part, array, note = whole, pixels.array, ""
    if on_features:
        trunk, head = networks.trunk_and_head(whole)
        wanted = features.of(trunk, pixels)
        note = _note(wanted, obstacle := wanted.obstacle() if new else "")
        if not obstacle:
            if precision != "float32" and not wanted.reused:
                trunk, _ = networks.trunk_and_head(built("float32"))
            part, array = head, features.compute(wanted, trunk, pixels, reporter)
    rows = Rows(array)
    try:
        yield Network(whole, part, rows, note)
    finally:
        rows.close()
        del whole, part
        gc.collect()  # models hold themselves in cycles; the next one needs the memory


def _note(wanted: features.Features, obstacle: str) -> str:
    """What the log says of the frozen layers."""
    size = f"{wanted.bytes / 1e6:,.0f} MB for {wanted.shape[0]:,} images"
    if obstacle:
        return (
            f"frozen layers: their features ({size}) are not kept, because {obstacle}; they are "
            "computed again in every epoch"
        )
    done = "were computed by an earlier training" if wanted.reused else "are computed once"
    return f"frozen layers: their features ({size}) {done} and read from the disk"
