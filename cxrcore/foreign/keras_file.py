"""Networks in `.keras` files of others, rebuilt of known layers; nothing else of the file becomes an object.

A configuration can name any function of Python, or hold one. Before anything is built each object in it
must be one of those listed here: layers, initialisers and operations that only compute. What it says
about training is dropped. For use in `child` alone, since a layer of a billion units is listed, too.
See docs/decisions/0058.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrcore.errors import ModelError
from cxrcore.foreign.interface import Interface
from cxrcore.models.pretrained import bounds, reader

if TYPE_CHECKING:
    import keras

_LAYERS = frozenset(
    """
    InputLayer Activation ReLU LeakyReLU PReLU ELU Softmax Identity
    Dense Flatten Reshape Permute RepeatVector Embedding
    Conv1D Conv2D Conv2DTranspose SeparableConv2D DepthwiseConv2D
    MaxPooling1D AveragePooling1D GlobalAveragePooling1D GlobalMaxPooling1D
    MaxPooling2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D
    ZeroPadding2D Cropping2D UpSampling2D
    BatchNormalization LayerNormalization GroupNormalization UnitNormalization SpectralNormalization
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot
    Attention AdditiveAttention MultiHeadAttention
    Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout ActivityRegularization
    Rescaling Resizing Normalization CenterCrop
    RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomCrop
    """.split()
)
_OPERATIONS = frozenset(
    "Flip GetItem Add Subtract Multiply Divide TrueDivide Mean Concatenate".split()
)
_SIMPLE = frozenset(
    """
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal Identity
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    L1 L2 L1L2 MaxNorm NonNeg UnitNorm MinMaxNorm DTypePolicy SeedGenerator
    """.split()
)
_ALLOWED: Mapping[str, frozenset[str]] = {
    "keras.layers": _LAYERS,
    "keras.src.ops.numpy": _OPERATIONS,
    "keras.src.applications.convnext": frozenset({"LayerScale"}),
    "keras.initializers": _SIMPLE,
    "keras.regularizers": _SIMPLE,
    "keras.constraints": _SIMPLE,
    "keras.dtype_policies": _SIMPLE,
    "keras.random": _SIMPLE,
    "keras.src.random.seed_generator": _SIMPLE,
    "keras": _SIMPLE | {"Model", "Sequential"},
    "keras.models": frozenset({"Model", "Sequential", "Functional"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
    # Where layers are joined, and which part of an array is taken.
    "": frozenset({"__keras_tensor__", "__slice__", "__ellipsis__"}),
}
_MODELS = frozenset({"Functional", "Model", "Sequential"})
_ENDS = ("Dense", "Softmax", "Activation")
_DEEPEST = 60  # objects in objects


def rebuilt(path: Path) -> "keras.Model":
    """The network of a file, built anew, with its weights.

    Raises:
        ModelError: it has an object that is not listed, or cannot be built.
        WeightsError: it is no such file, is damaged, or claims more than weights need.
    """
    import h5py
    import keras

    with reader.unzipped(path) as (weights, config):
        checked = _checked(config)
        if not isinstance(checked, dict) or checked.get("class_name") not in _MODELS:
            raise ModelError(
                "Only networks that Keras can describe (Sequential or functional) can be rebuilt. Export "
                "a subclass of keras.Model as ONNX."
            )
        with h5py.File(weights, "r") as file:
            bounds.check(path, file, texts=False)
        model = keras.saving.deserialize_keras_object(checked, safe_mode=True)
        model.load_weights(weights)
    return model


def adapted(model: "keras.Model", interface: Interface) -> "keras.Model":
    """The network as those trained here: gray levels 0..255 in, probabilities out.

    Raises:
        ModelError: its last layer has no logits, which maps need.
    """
    import keras

    last = model
    while isinstance(last, keras.Model):
        last = getattr(last, "operations", last.layers)[-1]
    if interface.outputs == "probabilities" and type(last).__name__ not in _ENDS:
        raise ModelError(
            f"The network ends in {type(last).__name__}. It must end in Dense, Softmax or Activation, where "
            "its logits are. Export it as ONNX instead: then it predicts, without maps of its layers."
        )
    mean, spread = interface.scale()
    shape = (interface.size, interface.size, 3)
    x = image = keras.Input(shape, dtype="float32", name="image")
    if interface.channels == 1:
        x = x[..., :1]  # all three are equal
    if interface.range != "0..255":
        scale, offset = (1 / spread).tolist(), (-mean / spread).tolist()
        one = len(scale) == 1
        x = keras.layers.Rescaling(
            scale[0] if one else scale, offset[0] if one else offset, dtype="float32", name="range"
        )(x)
    x = model(x)
    if interface.outputs == "logits":
        x = keras.layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(image, x)


def _checked(value: Any, depth: int = 0) -> Any:
    """A configuration without what is said about training, all of its objects listed."""
    if depth > _DEEPEST:
        raise ModelError("The network's configuration is nested too deeply to be one of Keras.")
    if isinstance(value, list):
        return [_checked(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        _allow(value)
    return {
        name: _checked(inner, depth + 1)
        for name, inner in value.items()
        if name != "compile_config"
    }


def _allow(entry: Mapping[str, Any]) -> None:
    """Raise ModelError unless the object that an entry names is listed."""
    module, name = entry.get("module") or "", entry["class_name"]
    registered = entry.get("registered_name")
    if (
        isinstance(name, str)
        and isinstance(module, str)
        and name in _ALLOWED.get(module, ())
        and registered in (None, "", name)
    ):
        return
    what = f"{module}.{name}".strip(".")[:80]
    raise ModelError(
        f"The network has a part that is not rebuilt here: {what!r}. Only layers of Keras that are known to "
        "compute and nothing else are; a Lambda or a class of your own could run any code. Export the network "
        "as ONNX, or add its architecture as a recipe."
    )
