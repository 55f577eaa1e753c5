"""A network and one image to be tried with many changes, in compiled batches.

See docs/decisions/0047.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.explanations import compiled, gradients
from cxrcore.explanations.activations import ForwardPass

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclass
class Probe:
    """What a slow method may ask of a network: logits, probabilities and gradients of one class.

    `ran` hears the number of images after each batch, and may raise to abandon the work.
    """

    model: "keras.Model"
    image: np.ndarray  # (H, W, C) float32, 0..255
    class_index: int
    layer: str | None  # path of a convolution; None for the last one
    ran: Callable[[int], None] = field(default=lambda _: None)

    def parts(self, count: int) -> Iterator[range]:
        """The numbers 0..count - 1 in batches."""
        size = compiled.batch_size(*self.image.shape[:2])
        for start in range(0, count, size):
            yield range(start, min(count, start + size))

    def logits(self, images: np.ndarray) -> np.ndarray:
        """(n,) float32 logits of the class for (n, H, W, C) images."""
        return self._scores(images)[0]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(n,) float32 probabilities of the class for (n, H, W, C) images."""
        return self._scores(images)[1]

    def gradients(self, images: np.ndarray) -> np.ndarray:
        """(n, H, W, C) float32 d(logit) / d(gray level)."""
        return self._run("gradients", gradients.image_gradient, images)

    def features(self) -> np.ndarray:
        """(h, w, c) float32 output of the convolution for the unchanged image."""

        def trace(forward: ForwardPass, classes: "tf.Tensor") -> "tf.Tensor":
            return gradients.class_activation(lambda maps, _: maps)(forward, classes, self.layer)

        return self._run(("features", self.layer), trace, self.image[None])[0]

    def _scores(self, images: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        def trace(forward: ForwardPass, classes: tf.Tensor) -> tf.Tensor:
            chances = tf.gather(forward.probabilities, classes, axis=1, batch_dims=1)
            return tf.stack([forward.score(classes), chances])

        return self._run("scores", trace, images)

    def _run(self, key: object, trace: compiled.Trace, images: np.ndarray) -> np.ndarray:
        run = compiled.function(self.model, key, trace, images=None)
        classes = np.full(len(images), self.class_index, np.int32)
        found: np.ndarray = run(images.astype(np.float32), classes).numpy()
        self.ran(len(images))
        return found
