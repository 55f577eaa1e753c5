"""The network as it is trained: as a whole, or its head on precomputed features."""

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
    """`whole` is the model that is stored; `part` is trained, on `rows`.

    On pixels they are the same model; on features `part` is the head of `whole`, with shared
    layers. For a network whose first layers are frozen, `note` says whether their features are
    kept; otherwise it is empty.
    """

    whole: "keras.Model"
    part: "keras.Model"
    rows: Rows
    note: str = ""

    @property
    def on_features(self) -> bool:
        """Whether only the head is trained, on precomputed features."""
        return self.part is not self.whole

    def evaluator(self) -> "keras.Model":
        """The model from a batch of `rows` to its probabilities and the inputs of the last layer."""
        import keras

        *before, last = self.part.layers
        if not self.on_features:
            # The input of a binary network's last layer is one number: take that of the logit.
            layer = next((layer for layer in before if layer.name == "logit"), last)
            return keras.Model(self.part.input, [self.part.output, layer.input])
        # A head shares its layers with the whole model, so `layer.input` is that of the model.
        features = x = keras.Input(self.part.input.shape[1:])
        for layer in before[1:]:
            x = layer(x)
        return keras.Model(features, [last(x), x])


@contextlib.contextmanager
def open_network(
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

    With `on_features` the frozen layers always get their pretrained weights, which no checkpoint
    has. Features are computed in float32 whatever the precision, so that head and trunk agree
    with the stored model. A `new` network whose features do not fit on the disk is trained as a
    whole, and its `note` says so; a resumed one needs them.

    Raises:
        WeightsError: pretrained weights are missing or do not fit.
        Cancelled, StoreError: as for `features.compute`.
    """
    reporter.report("building")
    weights = None if new or on_features else "random"

    def build(precision: str) -> "keras.Model":
        with machine.precision_policy(precision):
            return networks.build(
                recipe, list(classes), weights, report=reporter.for_stage("building")
            )

    whole = build(precision)
    part, array, note = whole, pixels.array, ""
    if on_features:
        trunk, head = networks.trunk_and_head(whole)
        stored = features.of(trunk, pixels)
        note = _note(stored, obstacle := stored.obstacle() if new else "")
        if not obstacle:
            if precision != "float32" and not stored.reused:
                trunk, _ = networks.trunk_and_head(build("float32"))
            part, array = head, features.compute(stored, trunk, pixels, reporter)
    rows = Rows(array)
    try:
        yield Network(whole, part, rows, note)
    finally:
        rows.close()
        del whole, part
        gc.collect()  # models contain reference cycles; the next one needs the memory


def _note(stored: features.Features, obstacle: str) -> str:
    """The log's line about the frozen layers."""
    size = f"{stored.bytes / 1e6:,.0f} MB for {stored.shape[0]:,} images"
    if obstacle:
        return (
            f"frozen layers: their features ({size}) are not kept because {obstacle}; they are "
            "computed in every epoch"
        )
    done = "were computed by an earlier training" if stored.reused else "are computed once"
    return f"frozen layers: their features ({size}) {done} and read from the disk"
