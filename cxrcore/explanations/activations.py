"""Feature maps, embedding and logits of one pass through a Keras network.

Asking a nested network for the output of one of its layers fails in Keras ("graph disconnected"),
because the layer's tensor belongs to the inner model's own input. Here the network is called as
it is, and the layers of interest record what passes through them.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxrcore.errors import ExplainError
from cxrcore.foreign import engine_of

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

DEPTHS = 4  # convolutions whose means describe an image, at most
_ABSENT = object()


@dataclass(frozen=True)
class ForwardPass:
    """One pass of n images through a network, as tensors of the graph that is being traced."""

    model: "keras.Model"
    image: "tf.Tensor"  # (n, H, W, C) 0..255
    # (n, h, w, c) by path ("conv1", "resnet50/conv5_out"), last one first, h * w > 1
    convolutions: "dict[str, tf.Tensor]"
    # (n, d) input of the last Dense layer that takes more than one number; d is 0 where it is not known
    embedding: "tf.Tensor"
    logits: "tf.Tensor"  # (n, k)
    probabilities: "tf.Tensor"  # (n, k)

    def score(self, classes: "tf.Tensor") -> "tf.Tensor":
        """(n,) logits of the (n,) class indices."""
        import tensorflow as tf

        return tf.gather(self.logits, classes, axis=1, batch_dims=1)

    def depths(self) -> "tuple[tf.Tensor, ...]":
        """(n, c) means over all places of up to DEPTHS convolutions, evenly from first to last."""
        import tensorflow as tf

        found = list(reversed(self.convolutions.values()))
        count = min(DEPTHS, len(found))
        chosen = [found[round(i * (len(found) - 1) / max(1, count - 1))] for i in range(count)]
        return tuple(tf.reduce_mean(maps, axis=(1, 2)) for maps in chosen)


def forward_pass(model: "keras.Model", image: "tf.Tensor") -> ForwardPass:
    """Run the network, in inference mode, on (n, H, W, C) images and record its inside.

    For use inside a `tf.function`. One attribute of each recorded layer is replaced during this
    call; afterwards the network is as it was.

    Raises:
        ExplainError: the network does not end in a layer that has logits.
    """
    from keras import layers

    kinds = (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)
    logits: list[Any] = []
    outputs: dict[str, list[Any]] = {}  # of each convolution; more than one if it is shared
    dense_inputs: list[list[Any]] = []
    with contextlib.ExitStack() as stack:
        for path, layer in _layers(model):
            if isinstance(layer, kinds):
                record = _recording_output(layer.call, outputs.setdefault(path, []))
            elif isinstance(layer, layers.Dense):
                dense_inputs.append([])
                record = _recording_input(layer.call, dense_inputs[-1])
            else:
                continue
            stack.enter_context(_replaced(layer, "call", record))
        stack.enter_context(_recording_logits(_last_layer(model), logits))
        probabilities = model(image, training=False)
    if not logits:  # a linear end: the outputs are the logits
        logits.append(probabilities)
    # After global pooling a convolution has a single place: nothing to show on an image.
    convolutions = {
        path: maps[-1]
        for path, maps in outputs.items()
        if maps and tuple(maps[-1].shape[1:3]) != (1, 1)
    }
    embedding = _embedding(dense_inputs, logits[-1])
    if engine_of(model) is not None:
        embedding = embedding[:, :0]  # what its last layer sees is not known
    return ForwardPass(model, image, convolutions, embedding, logits[-1], probabilities)


def _embedding(dense_inputs: list[list[Any]], logits: Any) -> Any:
    """(n, d) as the training keeps it: a binary network's last layer takes one number, its logit."""
    import tensorflow as tf

    found = (record[-1] for record in dense_inputs if record and record[-1].shape[-1] != 1)
    x = next(found, logits)  # without any Dense layer
    return x if len(x.shape) == 2 else tf.reduce_mean(x, axis=tuple(range(1, len(x.shape) - 1)))


def _layers(model: "keras.Model") -> "Iterator[tuple[str, keras.layers.Layer]]":
    """Path and layer of all layers, also in nested models; each once, the last one first."""
    from keras import Model

    visited: set[int] = set()
    pending = [("", layer) for layer in model.layers]
    while pending:
        room, layer = pending.pop()
        if id(layer) in visited:
            continue
        visited.add(id(layer))
        path = f"{room}{layer.name}"
        if isinstance(layer, Model):
            pending.extend((f"{path}/", inner) for inner in layer.layers)
        else:
            yield path, layer


def _last_layer(model: "keras.Model") -> Any:
    """The operation that makes the output, also if the model ends in a nested model."""
    from keras import Model

    last = model
    while isinstance(last, Model):
        # `operations` also has bare functions such as keras.ops.softmax, unlike `layers`.
        last = getattr(last, "operations", last.layers)[-1]
    return last


def _recording_logits(last: Any, logits: list[Any]) -> contextlib.AbstractContextManager:
    """Record the input of the last layer's activation."""
    from keras import activations, layers

    if isinstance(last, layers.Softmax | layers.Activation):
        return _replaced(last, "call", _recording_input(last.call, logits))
    if isinstance(last, layers.Dense):
        if last.activation is activations.linear:
            return contextlib.nullcontext()
        return _replaced(last, "activation", _recording_input(last.activation, logits))
    raise ExplainError(
        f"The network ends in {type(last).__name__} {last.name!r}, which has no "
        "logits. Explanations need a Dense layer (with its activation, or with a Softmax or "
        "Activation layer after it) at the end."
    )


def _recording_output(function: Callable, record: list[Any]) -> Callable:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        output = function(*args, **kwargs)
        record.append(output)
        return output

    return wrapper


def _recording_input(function: Callable, record: list[Any]) -> Callable:
    def wrapper(value: Any, *args: Any, **kwargs: Any) -> Any:
        record.append(value)
        return function(value, *args, **kwargs)

    return wrapper


@contextlib.contextmanager
def _replaced(layer: Any, attribute: str, value: Callable) -> Iterator[None]:
    """Replace an attribute of one layer without Keras tracking it, then restore it."""
    before = vars(layer).get(attribute, _ABSENT)
    object.__setattr__(layer, attribute, value)
    try:
        yield
    finally:
        if before is _ABSENT:
            object.__delattr__(layer, attribute)
        else:
            object.__setattr__(layer, attribute, before)
