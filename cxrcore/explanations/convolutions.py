"""The convolutions of a network that are worth looking at, with titles for people."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from cxrcore.errors import ExplainError
from cxrcore.explanations import compiled

if TYPE_CHECKING:
    import keras


class Layer(NamedTuple):
    """A convolution whose feature maps can be explained."""

    name: str  # its path in the network, "resnet50/conv5_block3_3_conv"
    title: str  # for people: "7 x 7 places", or the name of a trunk
    shape: tuple[int | None, ...]  # (h, w, c); None where any size is taken


def layers(model: "keras.Model") -> tuple[Layer, ...]:
    """The convolutions that class activation maps can look at, the last one last.

    They are the last ones before the feature maps get smaller, one for each halving of the image.
    In a network with several trunks, which see the image side by side, they are the last one of
    each and the last one behind them.

    Raises:
        ExplainError: the network cannot be explained.
    """
    compiled.check_class(model, None)
    found = list(reversed(compiled.shapes(model).items()))  # (path, shape), first one first
    trunks = list(dict.fromkeys(path.split("/")[0] for path, _ in found if "/" in path))
    if len(trunks) > 1:
        ends = {path.split("/")[0] if "/" in path else "": (path, shape) for path, shape in found}
        places = [name for name in (*trunks, "") if name in ends]
        return tuple(Layer(ends[name][0], _title(name), ends[name][1]) for name in places)
    by_size = {_halvings(shape): Layer(path, _places(shape), shape) for path, shape in found}
    return tuple(by_size.values())


def check(model: "keras.Model", layer: str | None) -> None:
    """Raise ExplainError with the layers of the network if this is none of them."""
    if layer is not None and layer not in (names := [found.name for found in layers(model)]):
        raise ExplainError(
            f"The network {model.name!r} has no layer {layer!r} to look at. "
            f"Choose from: {', '.join(names) or 'none, it has no convolution'}."
        )


def _halvings(shape: Iterable[int | None]) -> int:
    """Equal for feature maps of about the same size: padding may cost a few places."""
    height, width, _ = shape
    return round(math.log2(height * width) / 2) if height and width else 0


def _places(shape: Iterable[int | None]) -> str:
    height, width, _ = shape
    return f"{height} x {width} places" if height and width else "the last"


def _title(trunk: str) -> str:
    """The name of a trunk as its authors spell it; what follows the trunks has none."""
    from keras import applications

    if not trunk:
        return "joined"
    return {name.lower(): name for name in dir(applications) if name[0].isupper()}.get(trunk, trunk)
