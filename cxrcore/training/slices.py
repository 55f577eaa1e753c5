"""The same training step with a fraction of its memory: a batch goes through in slices.

The gradient of a batch is the mean of its images' gradients, so it may be added up over
slices; only rounding differs. What a step holds is then the activations of a slice: of
`cnn-plain` at 192 pixels, 32 images and their gradients took 1.9 GB in float32 and 1.0 in
bfloat16, and take about 0.2 in slices, at about nine tenths of the speed.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cxrcore.training import machine

if TYPE_CHECKING:
    import keras

# A slice's largest activation. Twice as much took another 0.2 GB of cnn-plain's and spared a
# tenth of the time: memory is what a laptop runs out of.
_ACTIVATION_BYTES = 40e6


def sliced(model: "keras.Model", batch_size: int) -> "keras.Model":
    """A model to train in place of `model`, with whom it shares its layers; or `model` itself.

    The latter where slices would change the result, since batch normalisation that trains looks
    at a batch as a whole, and where a batch is small already. Compile what is returned.
    """
    images = at_once(model, batch_size)
    if images == batch_size or _looks_at_batches(model):
        return model
    return _model(model, images)


def at_once(model: "keras.Model", batch_size: int) -> int:
    """How many of a batch's images to put through the network together to spare memory.

    A power of two, so that usual batches divide into equal slices. A GPU is given all of them.
    """
    if machine.has_gpu():
        return batch_size
    biggest = max(_activation_bytes(layer) for layer in _layers(model))
    return min(batch_size, 2 ** max(0, int(math.log2(_ACTIVATION_BYTES / biggest))))


def _activation_bytes(layer: "keras.layers.Layer") -> int:
    """Of one image."""
    bytes_each = 2 if layer.compute_dtype == "bfloat16" else 4
    return math.prod(layer.output.shape[1:]) * bytes_each


def _layers(model: "keras.Model") -> "Iterator[keras.layers.Layer]":
    """All layers, those of networks inside the network too."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _looks_at_batches(model: "keras.Model") -> bool:
    import keras

    normal = keras.layers.BatchNormalization
    return any(isinstance(layer, normal) and layer.trainable for layer in _layers(model))


def _model(model: "keras.Model", images: int) -> "keras.Model":
    import keras
    import tensorflow as tf

    class Sliced(keras.Model):
        """Only trains; what is kept is the model whose layers it shares."""

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
            n, variables = tf.shape(x)[0], self.trainable_variables

            def one(start: tf.Tensor, loss: tf.Tensor, answers: Any, *sums: Any) -> Any:
                end = tf.minimum(start + images, n)
                some = slice(start, end)
                with tf.GradientTape() as tape:
                    answer = self(x[some], training=True)
                    weight = None if weights is None else weights[some]
                    # The loss is a mean over the slice; of the batch's mean it is this share.
                    share = tf.cast(end - start, tf.float32) / tf.cast(n, tf.float32)
                    part = self.compute_loss(x[some], y[some], answer, weight) * share
                gradients = tape.gradient(part, variables)
                added = (a + b for a, b in zip(sums, gradients, strict=True))
                answers = answers.write(start // images, answer)
                return end, loss + part, answers, *added

            answers = tf.TensorArray(
                tf.float32, -(-n // images), infer_shape=False, element_shape=self.output_shape
            )
            zeros = (tf.zeros(variable.shape, variable.dtype) for variable in variables)
            _, loss, answers, *gradients = tf.while_loop(
                lambda start, *_: start < n,
                one,
                (0, 0.0, answers, *zeros),
                parallel_iterations=1,  # more would hold several slices at once
            )
            self.optimizer.apply(gradients, variables)
            self._loss_tracker.update_state(loss, sample_weight=n)
            return self.compute_metrics(x, y, answers.concat(), weights)

    return Sliced(model.inputs, model.outputs, name=f"{model.name}_in_slices")
