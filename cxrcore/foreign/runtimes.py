"""What computes networks from elsewhere: ONNX Runtime, the interpreter of TFLite, Keras.

For use in `child` alone: these files come from anybody, and what they compute may never end.
"""

import importlib.util
import math
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cxrcore.errors import ModelError
from cxrcore.foreign import keras_file
from cxrcore.foreign.interface import Format, Signature

Array = npt.NDArray[np.float32]


class Runtime(Protocol):
    """A network that can be asked."""

    signature: Signature

    def run(self, batch: Array) -> Array:
        """(n, k) outputs for n images in the form of `signature`."""


def opened(kind: Format, path: Path) -> Runtime:
    """The network of a file.

    Raises:
        ModelError: it cannot be used; libraries raise all kinds of errors beside.
        WeightsError: as `keras_file.rebuilt`.
    """
    return _KINDS[kind](path)


class Onnx:
    """A network of an ONNX file."""

    def __init__(self, path: Path) -> None:
        missing = [n for n in ("onnx", "onnxruntime") if importlib.util.find_spec(n) is None]
        if missing:
            raise ModelError(
                f"An ONNX file needs {' and '.join(missing)}, not installed here. Install them by "
                "pip install -r requirements-import.txt, or export the network as .tflite or .keras."
            )
        import onnx
        import onnxruntime

        data = path.read_bytes()
        model = onnx.load_model_from_string(data)
        _refuse_outside(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # its warnings are about speed
        self._session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )
        image, output = _single(self._session.get_inputs(), self._session.get_outputs())
        self._name = image.name
        self._type = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}.get(
            image.type, np.float32
        )
        shape = tuple(side if isinstance(side, int) else None for side in image.shape)
        self.signature = Signature(
            shape,
            image.type == "tensor(uint8)",
            _classes(output.shape),
            sum(math.prod(each.dims) for each in model.graph.initializer),
        )

    def run(self, batch: Array) -> Array:
        """See `Runtime`."""
        return _in_parts(self._ask, batch.astype(self._type), self.signature.shape[0])

    def _ask(self, batch: npt.NDArray[Any]) -> Array:
        (found,) = self._session.run(None, {self._name: batch})
        return np.asarray(found, np.float32)


class Tflite:
    """A network of a TFLite file."""

    def __init__(self, path: Path) -> None:
        from tensorflow.lite.python.interpreter import Interpreter

        data = path.read_bytes()
        _refuse_custom(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._interpreter = Interpreter(model_content=data, num_threads=os.cpu_count())
        self._input, self._output = _single(
            self._interpreter.get_input_details(), self._interpreter.get_output_details()
        )
        sides = self._input.get("shape_signature", self._input["shape"])
        shape = tuple(None if side < 0 else int(side) for side in sides)
        # A quantised input says itself what its numbers stand for.
        integer = self._input["dtype"] == np.uint8 and not self._input["quantization"][0]
        self.signature = Signature(shape, integer, _classes(self._output["shape"].tolist()), 0)
        self._films = 0

    def run(self, batch: Array) -> Array:
        """See `Runtime`."""
        scale, zero = self._input["quantization"]
        kind = self._input["dtype"]
        if scale:
            limits = np.iinfo(kind)
            batch = np.clip(np.rint(batch / scale + zero), limits.min, limits.max)
        return _in_parts(self._ask, batch.astype(kind), self.signature.shape[0])

    def _ask(self, batch: npt.NDArray[Any]) -> Array:
        place = self._input["index"]
        if len(batch) != self._films:
            self._interpreter.resize_tensor_input(place, batch.shape)
            self._interpreter.allocate_tensors()
            self._films = len(batch)
        self._interpreter.set_tensor(place, batch)
        self._interpreter.invoke()
        found = self._interpreter.get_tensor(self._output["index"]).astype(np.float32)
        scale, zero = self._output["quantization"]
        return (found - zero) * scale if scale else found


class Keras:
    """A network of a .keras file, rebuilt."""

    def __init__(self, path: Path) -> None:
        self.model = keras_file.rebuilt(path)
        image, output = _single(self.model.inputs, self.model.outputs)
        self.signature = Signature(
            tuple(image.shape), False, _classes(output.shape), self.model.count_params()
        )

    def run(self, batch: Array) -> Array:
        """See `Runtime`."""
        return np.asarray(self.model.predict_on_batch(batch), np.float32)


_KINDS: dict[Format, Callable[[Path], Runtime]] = {"onnx": Onnx, "tflite": Tflite, "keras": Keras}


def _single(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"The network has {len(inputs)} inputs and {len(outputs)} outputs. Export it with the image as "
            "its only input and one number a class as its only output."
        )
    return inputs[0], outputs[0]


def _classes(shape: Any) -> int:
    """How many numbers a network gives a film; 0 if they are no row of a table."""
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 0


def _in_parts(
    ask: Callable[[npt.NDArray[Any]], Array], batch: npt.NDArray[Any], films: int | None
) -> Array:
    """The outputs of a network that takes just so many films at once; None: any number."""
    if films is None:
        return ask(batch)
    found = []
    for start in range(0, len(batch), films):
        part = batch[start : start + films]
        filled = np.concatenate([part, np.repeat(part[-1:], films - len(part), axis=0)])
        found.append(ask(filled)[: len(part)])
    return np.concatenate(found)


def _refuse_outside(model: Any) -> None:
    """Raise ModelError if a part of an ONNX model lies in another file."""
    for message in _messages(model):
        if message.DESCRIPTOR.name == "TensorProto" and (
            message.external_data or message.data_location
        ):
            raise ModelError(
                "The ONNX file refers to other files for its weights. Nothing outside of it is read: save it "
                "as one file (torch.onnx.export with external_data=False)."
            )


def _messages(message: Any) -> Iterator[Any]:
    """A protocol buffer and all that are inside it, whatever they are: no list of places to forget one."""
    left = [message]
    while left:
        found = left.pop()
        yield found
        for field, value in found.ListFields():
            if field.type == field.TYPE_MESSAGE:
                left += [value] if hasattr(value, "ListFields") else list(value)


def _refuse_custom(data: bytes) -> None:
    """Raise ModelError if a TFLite file has operations that are not TFLite's own.

    Those of TensorFlow, which this interpreter has as well, read and write files.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ModelError("This is no TFLite file. Export the network again.")
    model = schema.Model.GetRootAs(data, 0)
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if builtin == schema.BuiltinOperator.CUSTOM or code.CustomCode():
            name = (code.CustomCode() or b"").decode("utf-8", "replace")[:60]
            raise ModelError(
                f"The TFLite file needs the operation {name!r}, which is not one of TFLite's own. Convert the "
                "network with tf.lite.OpsSet.TFLITE_BUILTINS alone."
            )
