"""A network from elsewhere in the form in which everything here asks networks.

It is a Keras model with one operation, which asks the `Engine`, and a softmax. So prediction, external tests,
occlusion and RISE work as for any other; there is nothing inside to look at and no gradient.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxrcore.foreign.engine import Engine
from cxrcore.foreign.interface import Interface

if TYPE_CHECKING:
    import keras

_ENGINE = "_cxr_engine"


def network(engine: Engine, interface: Interface, classes: int) -> "keras.Model":
    """The network of an ONNX or TFLite file: (n, S, S, 3) gray levels 0..255 to (n, k) probabilities."""
    import keras
    import tensorflow as tf

    def ask(films: np.ndarray) -> np.ndarray:
        return engine.logits(films[..., 0], interface)

    def logits(image: tf.Tensor) -> tf.Tensor:
        # The three channels are equal: one of them is sent.
        found = tf.numpy_function(ask, [image[..., :1]], tf.float32)
        found.set_shape((image.shape[0], classes))
        return found

    x = image = keras.Input((interface.size, interface.size, 3), dtype="float32", name="image")
    x = keras.layers.Lambda(logits, output_shape=(classes,), dtype="float32", name="elsewhere")(x)
    x = keras.layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    model = keras.Model(image, x, name=interface.format)
    object.__setattr__(model, _ENGINE, engine)  # Keras would track it
    return model


def engine_of(model: "keras.Model") -> Engine | None:
    """What computes a network from elsewhere; None for a network of Keras."""
    found: Any = vars(model).get(_ENGINE)
    return found
