"""Networks in files as other programs write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 48  # as the tiny dataset's films
CLASSES = ("C", "A", "B")  # not the order of the dataset


def bands() -> np.ndarray:
    """(3, SIDE) weights of rows: class number k is the film whose k-th third is bright (A, B, C)."""
    rows = np.full((3, SIDE), -0.5, np.float32)
    for number, name in enumerate(CLASSES):
        third = "ABC".index(name) * SIDE // 3
        rows[number, third : third + SIDE // 3] = 1
    return rows


def onnx(
    path: Path, *, softmax: bool = True, films: int | str = "n", nodes: Sequence[Any] = ()
) -> Path:
    """Channels first, values 0..1: the mean of each row, weighted by `bands`.

    Args:
        path: of the file.
        softmax: whether the outputs are probabilities.
        films: how many it takes at once; a name for any number.
        nodes: between the input `image` and what follows, which reads `seen`.
    """
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ascontiguousarray(bands().T / 4), "weights")
    axes = numpy_helper.from_array(np.array([1, 3]), "axes")
    work = list(nodes) or [helper.make_node("Identity", ["image"], ["seen"])]
    work += [
        helper.make_node("ReduceMean", ["seen", "axes"], ["rows"], keepdims=0),
        helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
    ]
    work += [helper.make_node("Softmax", ["logits"], ["shares"])] if softmax else []
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [films, 3, SIDE, SIDE])
    name = "shares" if softmax else "logits"
    output = helper.make_tensor_value_info(name, TensorProto.FLOAT, [films, 3])
    graph = helper.make_graph(work, "bands", [image], [output], [weights, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def only_for_0_to_1() -> list[Any]:
    """Nodes after which films with values of another range look like others: of |min(x, 1) - 0.3|."""
    from onnx import helper, numpy_helper

    numbers = {"one": 1.0, "dark": 0.3}
    nodes = [
        helper.make_node(
            "Constant", [], [name], value=numpy_helper.from_array(np.float32(number), name)
        )
        for name, number in numbers.items()
    ]
    return [
        *nodes,
        helper.make_node("Min", ["image", "one"], ["cut"]),
        helper.make_node("Sub", ["cut", "dark"], ["less"]),
        helper.make_node("Abs", ["less"], ["seen"]),
    ]


def network(softmax: bool = True) -> Any:
    """The same of Keras, channels last, with values 0..1, as far as a convolution can be it."""
    import keras
    from keras import layers

    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(2, 3, padding="same", activation="relu", name="blur")(image)
    x = layers.AveragePooling2D((1, SIDE))(x)
    x = layers.Flatten()(x)
    x = layers.Dense(3, activation="softmax" if softmax else None)(x)
    model = keras.Model(image, x)
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1] = 1 / 3
    model.get_layer("blur").set_weights([kernel, np.zeros(2, np.float32)])
    weights = np.repeat(bands().T, 2, axis=0) / 8
    model.layers[-1].set_weights([weights, np.zeros(3, np.float32)])
    return model


def tflite(path: Path) -> Path:
    """`network` as TFLite."""
    import tensorflow as tf

    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(network()).convert())
    return path


def films(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """(n, SIDE, SIDE) gray levels of a dataset's films as OpenCV reads them, and their place in CLASSES."""
    import cv2

    rows = [row for _, row in dataset.table.iterrows()]
    gray = [cv2.imread(str(dataset.path_of(row)), cv2.IMREAD_GRAYSCALE) for row in rows]
    return np.stack(gray), np.array([CLASSES.index(row["label"]) for row in rows])
