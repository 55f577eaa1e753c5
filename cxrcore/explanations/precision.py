"""Networks of mixed precision as float32 ones.

bfloat16 has 8 bits of precision: gradients summed in it differ from float32 ones by several
percent, and NumPy has no such type. The weights of mixed precision are float32 already; only
what is computed from them changes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_HALF = frozenset({"float16", "bfloat16", "mixed_float16", "mixed_bfloat16"})


def in_float32(model: "keras.Model") -> "keras.Model":
    """The model itself if all its layers compute in float32, else a float32 copy of it.

    The copy's probabilities differ from the original's by bfloat16's rounding (about 0.01). The copy has its own weights; it is not compiled for training.
    """
    import keras

    if not any(layer.compute_dtype in _HALF for layer in _layers(model)):
        return model
    description = _in_float32(keras.saving.serialize_keras_object(model))
    description.pop("compile_config", None)
    copy = keras.saving.deserialize_keras_object(description, safe_mode=True)
    copy.set_weights(model.get_weights())
    return copy


def _layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """All layers, also those of nested models."""
    from keras import Model

    nested = [
        inner for layer in model.layers if isinstance(layer, Model) for inner in _layers(layer)
    ]
    return [*model.layers, *nested]


def _in_float32(value: Any, key: str = "") -> Any:
    """A serialised model with every half-precision type replaced.

    Types stand under "dtype": as a name, or as a policy with its own "name".
    """
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return {**value, "config": {**value["config"], "name": "float32"}}
        return {name: _in_float32(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_in_float32(inner) for inner in value)
    return "float32" if key == "dtype" and value in _HALF else value
