"""Listening to a Keras network while it is traced: feature maps and logits of one pass.

Asking a nested network for the output of one of its layers fails in Keras ("graph
disconnected"): the layer's tensor belongs to the inner model's own input. Here the
network is called as it is, and the layers of interest note what passes through them.
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
class Seen:
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


def look(model: "keras.Model", image: "tf.Tensor") -> Seen:
    """Run the network (not in training mode) on (n, H, W, C) and note what is inside.

    To be called inside a `tf.function`. Layers are listened to by shadowing one attribute
    each for the time of this call; the network is afterwards as it was before.

    Raises:
        ExplainError: the network does not end in a layer that shows its logits.
    """
    logits: list[Any] = []
    outputs: list[list[Any]] = []  # of each convolution; more than one if it is shared
    with contextlib.ExitStack() as stack:
        for layer in _convolutions(model):
            outputs.append([])
            noting = _noting_output(layer.call, outputs[-1])
            stack.enter_context(_shadowed(layer, "call", noting))
        stack.enter_context(_noting_logits(_last_layer(model), logits))
        probabilities = model(image, training=False)
    if not logits:  # a linear end: what comes out are the logits
        logits.append(probabilities)
    # After a global pooling convolutions have one place only: nothing to show on a picture.
    features = [maps[-1] for maps in outputs if maps and tuple(maps[-1].shape[1:3]) != (1, 1)]
    return Seen(model, image, features, logits[-1], probabilities)


def _convolutions(model: "keras.Model") -> Iterator["keras.layers.Layer"]:
    """All two-dimensional convolutions, also in nested models; each once, the last one first."""
    from keras import Model, layers

    kinds = (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)
    seen: set[int] = set()
    pending = list(model.layers)
    while pending:
        layer = pending.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
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


def _noting_logits(last: Any, logits: list[Any]) -> contextlib.AbstractContextManager:
    """Listen to what the last layer's activation is given."""
    from keras import activations, layers

    if isinstance(last, layers.Softmax | layers.Activation):
        return _shadowed(last, "call", _noting_input(last.call, logits))
    if isinstance(last, layers.Dense):
        if last.activation is activations.linear:
            return contextlib.nullcontext()
        return _shadowed(last, "activation", _noting_input(last.activation, logits))
    raise ExplainError(
        f"The network ends in {type(last).__name__} {last.name!r}, which does not show its "
        "logits. Explanations need a Dense layer (with its activation, or with a Softmax or "
        "Activation layer after it) at the end."
    )


def _noting_output(function: Callable, notes: list[Any]) -> Callable:
    def listening(*args: Any, **kwargs: Any) -> Any:
        output = function(*args, **kwargs)
        notes.append(output)
        return output

    return listening


def _noting_input(function: Callable, notes: list[Any]) -> Callable:
    def listening(value: Any, *args: Any, **kwargs: Any) -> Any:
        notes.append(value)
        return function(value, *args, **kwargs)

    return listening


@contextlib.contextmanager
def _shadowed(layer: Any, attribute: str, value: Callable) -> Iterator[None]:
    """Replace an attribute of one layer, behind the back of Keras' tracking, and restore it."""
    before = vars(layer).get(attribute, _ABSENT)
    object.__setattr__(layer, attribute, value)
    try:
        yield
    finally:
        if before is _ABSENT:
            object.__delattr__(layer, attribute)
        else:
            object.__setattr__(layer, attribute, before)
