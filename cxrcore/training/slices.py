"""Training steps in slices of a batch: the same result with a fraction of the memory.

The gradient of a batch is the mean of its images' gradients, so it can be summed over slices;
only rounding differs (docs/decisions/0026).
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cxrcore.training import machine

if TYPE_CHECKING:
    import keras

# A slice's largest activation. Twice as much took 0.2 GB more and a tenth less time for cnn-plain.
_ACTIVATION_BYTES = 40e6


def in_slices(model: "keras.Model", batch_size: int) -> "keras.Model":
    """A model to train instead of `model`, which shares its layers; or `model` itself.

    It is `model` where a batch is small enough, and where slices would change the result:
    trainable batch normalisation uses the whole batch. Compile the returned model.
    """
    images = slice_size(model, batch_size)
    if images == batch_size or _needs_whole_batches(model):
        return model
    return _model(model, images)


def slice_size(model: "keras.Model", batch_size: int) -> int:
    """How many images of a batch to process at once to save memory.

    A power of two, so that common batch sizes divide evenly. A GPU gets the whole batch.
    """
    if machine.has_gpu():
        return batch_size
    biggest = max(_activation_bytes(layer) for layer in _layers(model))
    return min(batch_size, 2 ** max(0, int(math.log2(_ACTIVATION_BYTES / biggest))))


def _activation_bytes(layer: "keras.layers.Layer") -> int:
    """Bytes of the layer's output for one image."""
    bytes_each = 2 if layer.compute_dtype == "bfloat16" else 4
    return math.prod(layer.output.shape[1:]) * bytes_each


def _layers(model: "keras.Model") -> "Iterator[keras.layers.Layer]":
    """All layers, including those of nested models."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _needs_whole_batches(model: "keras.Model") -> bool:
    import keras

    normal = keras.layers.BatchNormalization
    return any(isinstance(layer, normal) and layer.trainable for layer in _layers(model))


def _model(model: "keras.Model", images: int) -> "keras.Model":
    import keras
    import tensorflow as tf

    class Sliced(keras.Model):
        """For training only; the model that shares its layers is the one stored."""

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
            n, variables = tf.shape(x)[0], self.trainable_variables

            def add_slice(start: tf.Tensor, loss: tf.Tensor, outputs: Any, *sums: Any) -> Any:
                end = tf.minimum(start + images, n)
                rows = slice(start, end)
                with tf.GradientTape() as tape:
                    output = self(x[rows], training=True)
                    weight = None if weights is None else weights[rows]
                    # The loss is the slice's mean; this is its share of the batch's mean.
                    share = tf.cast(end - start, tf.float32) / tf.cast(n, tf.float32)
                    part = self.compute_loss(x[rows], y[rows], output, weight) * share
                gradients = tape.gradient(part, variables)
                added = (a + b for a, b in zip(sums, gradients, strict=True))
                outputs = outputs.write(start // images, output)
                return end, loss + part, outputs, *added

            outputs = tf.TensorArray(
                tf.float32, -(-n // images), infer_shape=False, element_shape=self.output_shape
            )
            zeros = (tf.zeros(variable.shape, variable.dtype) for variable in variables)
            _, loss, outputs, *gradients = tf.while_loop(
                lambda start, *_: start < n,
                add_slice,
                (0, 0.0, outputs, *zeros),
                parallel_iterations=1,  # more would keep several slices in memory
            )
            self.optimizer.apply(gradients, variables)
            self._loss_tracker.update_state(loss, sample_weight=n)
            return self.compute_metrics(x, y, outputs.concat(), weights)

    return Sliced(model.inputs, model.outputs, name=f"{model.name}_in_slices")
