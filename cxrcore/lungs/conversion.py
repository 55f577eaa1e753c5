"""The trained network as an ONNX file that OpenCV runs: batch normalisation folded into convolutions."""

from typing import Any

import numpy as np

from cxrcore.errors import WeightsError


def onnx_bytes(model: Any) -> bytes:
    """The ONNX file of a network of `network.build`.

    Args:
        model: keras.Model of convolutions, batch normalisations, ReLU, maxima over 2 x 2 pixels,
            doublings, concatenations and one softmax.

    Raises:
        WeightsError: the package onnx is missing, or the model has a layer of another kind.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise WeightsError(
            "The network can only be written with the package onnx, which is not installed. "
            "Install it: pip install -r requirements-export.txt"
        ) from error
    nodes, values = [], [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice")]
    named: dict[str, str] = {}  # name of a layer -> name of its tensor
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        before = [named.get(t._keras_history.operation.name, "picture") for t in inputs]
        kind = type(layer).__name__
        named[layer.name] = layer.name
        if kind == "InputLayer":
            named[layer.name] = "picture"
        elif kind == "Conv2D":
            kernel, bias = _folded(layer)
            values += [numpy_helper.from_array(kernel, f"{layer.name}/kernel")]
            values += [numpy_helper.from_array(bias, f"{layer.name}/bias")]
            pad = (kernel.shape[2] - layer.strides[0] + 1) // 2 if kernel.shape[2] > 1 else 0
            nodes.append(
                helper.make_node(
                    "Conv",
                    [*before, f"{layer.name}/kernel", f"{layer.name}/bias"],
                    [layer.name],
                    strides=layer.strides,
                    pads=[pad] * 4,
                )
            )
        elif kind == "BatchNormalization":
            named[layer.name] = before[0]  # it is in the convolution before
        elif kind in _PLAIN:
            operator, more, attributes = _PLAIN[kind]
            nodes.append(helper.make_node(operator, [*before, *more], [layer.name], **attributes))
        else:
            raise WeightsError(
                f"Layer {layer.name} is a {kind}, which is not written to ONNX here. "
                "Build the network with cxrcore.lungs.network.build."
            )
    _, height, width, _ = model.input_shape
    _, rows, columns, classes = model.output_shape
    graph = helper.make_graph(
        nodes,
        "lungs",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [None, 1, height, width])],
        [
            helper.make_tensor_value_info(
                model.layers[-1].name, TensorProto.FLOAT, [None, classes, rows, columns]
            )
        ],
        values,
    )
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(file.SerializeToString())


# Keras layer -> ONNX operator, further inputs, attributes.
_PLAIN: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "ReLU": ("Relu", [], {}),
    "MaxPooling2D": ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "UpSampling2D": (
        "Resize",
        ["", "twice"],
        {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        },
    ),
    "Concatenate": ("Concat", [], {"axis": 1}),
    "Softmax": ("Softmax", [], {"axis": 1}),
}


def _folded(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (out, in, h, w) and bias (out,) of a convolution and the normalisation after it."""
    kernel = np.asarray(layer.kernel, np.float32).transpose(3, 2, 0, 1)
    (node,) = layer._outbound_nodes
    after = node.operation
    if type(after).__name__ != "BatchNormalization":
        return np.ascontiguousarray(kernel), np.asarray(layer.bias, np.float32)
    gamma, beta, mean, variance = (np.asarray(w, np.float32) for w in after.get_weights())
    scale = gamma / np.sqrt(variance + after.epsilon)
    return np.ascontiguousarray(kernel * scale[:, None, None, None]), beta - mean * scale
