"""What a method is, and what methods share.

A traced method is a function of TensorFlow tensors that is compiled once for each network. It
gets what `forward_pass` recorded: the feature maps of the convolutions, the logits and the
probabilities. Methods requested together share that pass. A sampled method looks at many changed
copies of the image; it is a function of a `Probe`, which runs them through the network in
compiled batches, so that it can tell how far it is and be abandoned.

The network is not rebuilt: while it is traced, its convolutions and last layer are recorded
wherever they are nested. So augmentation, preprocessing, shared layers and sub-models behave
exactly as in `model(x)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.explanations.activations import ForwardPass
from cxrcore.explanations.gradients import Compute, class_activation, image_gradient
from cxrcore.explanations.probe import Probe

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "ForwardPass",
    "Method",
    "Probe",
    "Sampled",
    "Traced",
    "class_activation",
    "enlarge",
    "image_gradient",
]

_MOST_QUICK = 8  # passes


@dataclass(frozen=True, kw_only=True)
class Method:
    """An explanation method: its names and what its map shows."""

    name: str  # for commands and records
    title: str  # for people
    meaning: str  # what a map shows, to follow the title and a colon
    passes: int = 1  # of one image through the network for one map, about
    uses_layer: bool = False  # whether it looks at a convolution, which can be chosen
    answers_only: bool = False  # whether it needs nothing of a network but its answers
    by_default: bool = False  # shown on the pages and computed where nobody chooses

    @property
    def slow(self) -> bool:
        """Whether it takes so many passes that people want to see its progress."""
        return self.passes > _MOST_QUICK


@dataclass(frozen=True, kw_only=True)
class Traced(Method):
    """A method that is part of the one compiled pass."""

    compute: Compute  # (n, h, w) maps


@dataclass(frozen=True, kw_only=True)
class Sampled(Method):
    """A method that runs changed copies of the image through the network."""

    sample: Callable[[Probe], np.ndarray]  # (h, w) map, >= 0


def enlarge(maps: "tf.Tensor | np.ndarray", size: "tf.Tensor | tuple[int, int]") -> "tf.Tensor":
    """(n, h, w, c) feature maps as (n, *size, c).

    Bilinear with the outermost places on the outermost pixels, as in tf-keras-vis
    (`scipy.ndimage.zoom`), so that maps can be compared number by number.
    """
    import tensorflow as tf

    return tf.raw_ops.ResizeBilinear(images=maps, size=size, align_corners=True)
