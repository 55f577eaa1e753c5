"""Feature maps and logits of one pass through a Keras network.

Asking a nested network for the output of one of its layers fails in Keras ("graph disconnected"),
because the layer's tensor belongs to the inner model's own input. Here the network is called as
it is, and the layers of interest record what passes through them.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxrcore.errors import ExplainError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_ABSENT = object()


@dataclass(frozen=True)
class ForwardPass:
    """One pass through a network, as tensors of the graph that is being traced."""

    model: "keras.Model"
    image: "tf.Tensor"  # (n, H, W, C) 0..255
    features: "list[tf.Tensor]"  # (n, h, w, C) of each convolution, last one first, h * w > 1
    logits: "tf.Tensor"  # (n, k)
    probabilities: "tf.Tensor"  # (n, k)

    def score(self, class_index: "tf.Tensor") -> "tf.Tensor":
        """(n,) logits of one class."""
        import tensorflow as tf

        return tf.gather(self.logits, class_index, axis=1)


def forward_pass(model: "keras.Model", image: "tf.Tensor") -> ForwardPass:
    """Run the network, in inference mode, on (n, H, W, C) images and record its inside.

    For use inside a `tf.function`. One attribute of each recorded layer is replaced during this
    call; afterwards the network is as it was.

    Raises:
        ExplainError: the network does not end in a layer that has logits.
    """
    logits: list[Any] = []
    outputs: list[list[Any]] = []  # of each convolution; more than one if it is shared
    with contextlib.ExitStack() as stack:
        for layer in _convolutions(model):
            outputs.append([])
            record = _recording_output(layer.call, outputs[-1])
            stack.enter_context(_replaced(layer, "call", record))
        stack.enter_context(_recording_logits(_last_layer(model), logits))
        probabilities = model(image, training=False)
    if not logits:  # a linear end: the outputs are the logits
        logits.append(probabilities)
    # After global pooling a convolution has a single place: nothing to show on an image.
    features = [maps[-1] for maps in outputs if maps and tuple(maps[-1].shape[1:3]) != (1, 1)]
    return ForwardPass(model, image, features, logits[-1], probabilities)


def _convolutions(model: "keras.Model") -> Iterator["keras.layers.Layer"]:
    """All two-dimensional convolutions, also in nested models; each once, the last one first."""
    from keras import Model, layers

    kinds = (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)
    visited: set[int] = set()
    pending = list(model.layers)
    while pending:
        layer = pending.pop()
        if id(layer) in visited:
            continue
        visited.add(id(layer))
        if isinstance(layer, Model):
            pending.extend(layer.layers)
        elif isinstance(layer, kinds):
            yield layer


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
