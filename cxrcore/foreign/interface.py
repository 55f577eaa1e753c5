"""How films go into a network that was made elsewhere, and what comes out of it."""

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from cxrcore.errors import ModelError

Format = Literal["onnx", "tflite", "keras"]
Layout = Literal["NHWC", "NCHW"]
Range = Literal["0..255", "0..1", "-1..1", "imagenet"]
Outputs = Literal["probabilities", "logits"]

TITLES: dict[Format, str] = {"onnx": "ONNX", "tflite": "TFLite", "keras": "Keras"}
RANGES: tuple[Range, ...] = get_args(Range)
# (gray level - mean) / spread is what the network is given; a value for all channels or one for each.
_SCALES: dict[Range, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0..255": ((0,), (1,)),
    "0..1": ((0,), (255,)),
    "-1..1": ((127.5,), (127.5,)),
    # Red, green, blue of torchvision and of keras.applications, mode "torch".
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}


class Signature(NamedTuple):
    """What a file says about its network; None where any size is taken."""

    shape: tuple[int | None, ...]  # of the input, its first axis the films
    integer: bool  # whether the input is whole gray levels
    classes: int
    parameters: int  # 0 where the file does not tell


class Interface(BaseModel):
    """What is written down of a network from elsewhere, so that it is fed the same everywhere.

    Attributes:
        format: of its file.
        size: side of its square input, in pixels.
        channels: 1 for gray, 3 for gray three times.
        layout: order of the axes of a batch: films, height, width, channels, or channels second.
        range: what gray levels 0..255 become; "imagenet" is 0..1 less the mean colour of ImageNet,
            divided by its standard deviation.
        outputs: "logits" still go through a softmax.
    """

    model_config = ConfigDict(frozen=True)

    format: Format
    size: int
    channels: Literal[1, 3]
    layout: Layout
    range: Range
    outputs: Outputs

    @property
    def sentence(self) -> str:
        """It in words, for people."""
        values = {"imagenet": "0..1 less ImageNet's mean, divided by its standard deviation"}.get(
            self.range, self.range
        )
        colours = "gray" if self.channels == 1 else "gray three times"
        return (
            f"{TITLES[self.format]} file; input {self.size} x {self.size} pixels, {colours}, {self.layout}, "
            f"values {values}; output {self.outputs}."
        )

    def scale(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mean and spread of the gray levels, each (1,) or (3,)."""
        mean, spread = _SCALES[self.range]
        if self.channels == 1 and len(mean) > 1:  # the mean colour as gray
            mean, spread = (float(np.mean(mean)),), (float(np.mean(spread)),)
        return np.array(mean, np.float32), np.array(spread, np.float32)

    def batch(self, films: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, S, S) gray levels as the network takes them, (n, S, S, C) or (n, C, S, S)."""
        mean, spread = self.scale()
        found = np.repeat(films[..., None], self.channels, axis=3)
        found = (found - mean) / spread
        if self.layout == "NCHW":
            found = found.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(found, np.float32)

    def logits(self, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, k) values whose softmax are the probabilities; of probabilities their logarithms."""
        if self.outputs == "logits":
            return outputs
        return np.log(np.maximum(outputs, np.finfo(np.float32).tiny))


def describe(
    signature: Signature,
    kind: Format,
    *,
    size: int | None = None,
    layout: Layout | None = None,
) -> dict[str, object]:
    """The fields of an `Interface` that the shape of the input decides: size, channels, layout.

    Args:
        signature: of the file.
        kind: of file.
        size: where the network takes any.
        layout: where the shape does not tell.

    Raises:
        ModelError: the input is no square image of 1 or 3 channels, or something has to be said.
    """
    shape = signature.shape
    if len(shape) != 4 or signature.classes < 2:
        raise ModelError(
            "The network must take one image a film (films, height, width, channels) and give one number a "
            f"class. Its input is {shown(shape)}, its outputs are {signature.classes}. Export it so."
        )
    found = [name for name, place in (("NHWC", 3), ("NCHW", 1)) if shape[place] in (1, 3)]
    if layout is None and len(found) != 1:
        raise ModelError(
            f"The input {shown(shape)} does not tell where its channels are. Say so: --layout NHWC "
            "(TensorFlow) or --layout NCHW (PyTorch)."
        )
    layout = layout or ("NHWC" if found == ["NHWC"] else "NCHW")
    channels = shape[3 if layout == "NHWC" else 1] or 3
    if channels not in (1, 3):
        raise ModelError(
            f"The input {shown(shape)} has {channels} channels as {layout}; 1 or 3 are possible. Choose the "
            "other --layout, or export the network for gray or RGB images."
        )
    sides = set(shape[1:3] if layout == "NHWC" else shape[2:]) - {None}
    if len(sides) > 1 or (size and sides - {size}):
        raise ModelError(
            f"The input {shown(shape)} is not {f'{size} x {size} pixels' if size else 'square'}. Films are "
            "prepared as squares: export the network so, and leave out --size."
        )
    if not (side := size or next(iter(sides), None)):
        raise ModelError(
            f"The input {shown(shape)} takes images of any size. Say which it was trained with, such as "
            "--size 224."
        )
    if kind == "keras" and layout == "NCHW":
        raise ModelError(
            "Keras computes channels first on a graphics card only. Save the network with "
            "data_format='channels_last', or export it as ONNX."
        )
    return {"format": kind, "size": side, "channels": channels, "layout": layout}


def shown(shape: tuple[int | None, ...]) -> str:
    """A shape for messages: "any x 3 x 224 x 224"."""
    return " x ".join("any" if side is None else str(side) for side in shape) or "a single number"
