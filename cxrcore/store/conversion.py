"""A stored model in the formats of other programs, each compared with Keras (docs/decisions/0023)."""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cxrcore import files
from cxrcore.errors import StoreError

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-4  # of a probability; float32 in another order of additions gives about 1e-7
_PROBES = 4  # images of noise, besides a black and a white one
_ONNX_PACKAGES = ("onnx", "tf2onnx", "onnxruntime")

Images = npt.NDArray[np.float32]


def tflite(model_path: Path, target: Path) -> float:
    """Write a TFLite file in float32, for (batch, S, S, 3) pixels in 0..255.

    Returns:
        The largest difference of a probability from Keras' on test patterns.

    Raises:
        StoreError: the converter fails on this model, or the predictions of its file differ.
    """
    with _without_output():
        import tensorflow as tf

        model = _opened(model_path)
    with _explained("TFLite", model_path), _without_output():
        # Not from_concrete_functions: on TensorFlow 2.21 its file answers with NaN.
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    target.write_bytes(content)

    def answer(images: Images) -> Images:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
            interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        place = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(place, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(place, images)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    with _explained("TFLite", model_path):
        return _compared("TFLite", model_path, model, answer)


def onnx(model_path: Path, target: Path) -> float:
    """Write an ONNX file; arguments, result and errors as for `tflite`.

    Raises:
        StoreError: also where the packages of requirements-export.txt are not installed.
    """
    missing = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise StoreError(
            f"An ONNX file needs packages that are not installed: {', '.join(missing)}. Install them by "
            "pip install -r requirements-export.txt, or export as tflite or keras."
        )
    import onnxruntime

    with _without_output():
        model = _opened(model_path)
    with _explained("ONNX", model_path), _without_output():
        # Keras exports only models that were called.
        model(np.zeros((1, *model.input.shape[1:]), np.float32))
        model.export(target, format="onnx", verbose=False)

    def answer(images: Images) -> Images:
        session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: images})[0]

    with _explained("ONNX", model_path):
        return _compared("ONNX", model_path, model, answer)


def _opened(model_path: Path) -> "keras.Model":
    """The model as it predicts: converters would keep dropout, augmentation and the averaging
    of batch normalisation as in training, and say something else."""
    import keras

    model = keras.models.load_model(model_path, compile=False)
    for layer in _normalizations(model):  # their tensors would be inputs of an ONNX file
        layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    inputs = keras.Input(model.input.shape[1:], dtype="float32", name="image")
    return keras.Model(inputs, model(inputs, training=False))


def _normalizations(model: "keras.Model") -> Iterator["keras.layers.Normalization"]:
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _normalizations(layer)
        elif isinstance(layer, keras.layers.Normalization):
            yield layer


def _compared(
    name: str, model_path: Path, model: "keras.Model", answer: Callable[[Images], Images]
) -> float:
    shape = tuple(model.input.shape[1:])
    noise = np.random.default_rng(0).uniform(0, 255, (_PROBES, *shape))
    images = np.concatenate([noise, np.zeros((1, *shape)), np.full((1, *shape), 255.0)])
    images = images.astype(np.float32)
    expected = np.asarray(model(images, training=False))
    found = np.asarray(answer(images))
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
    if not difference <= TOLERANCE:  # NaN, too
        raise StoreError(
            f"The {name} file made of {model_path.parent.name} does not say what the model says: "
            f"probabilities differ by {difference:g}, at most {TOLERANCE:g} is allowed. It is not "
            "kept; export as keras."
        )
    return difference


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    """Converters say much about themselves; the command's answer is all that users need."""
    quiet = contextlib.redirect_stdout(io.StringIO()), files.without_stderr()
    with quiet[0], quiet[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _explained(name: str, model_path: Path) -> Iterator[None]:
    """A converter's own error as advice; they are of many kinds, all of these bases."""
    kinds: tuple[Any, ...] = (ValueError, RuntimeError, TypeError, KeyError, ImportError)
    try:
        yield
    except (*kinds, AttributeError, NotImplementedError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise StoreError(
            f"{model_path.parent.name} cannot be written as {name} on this machine: {first}. "
            "Export it as keras, which always works."
        ) from error
