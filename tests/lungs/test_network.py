"""The shipped weights are those of the network that the training builds, and OpenCV runs them."""

import struct

import numpy as np
import pytest

from cxrcore import images
from cxrcore.lungs import augmentation, grid, segmentation


def fields(data: bytes):
    """(number, value) of the fields of a protobuf message; a value is an integer or bytes."""
    at = 0

    def integer() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = integer()
        if key & 7 == 0:
            yield key >> 3, integer()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or integer()
        yield key >> 3, data[at : at + size]
        at += size


def weights_in(file: bytes) -> dict[str, np.ndarray]:
    """The arrays of an ONNX file by name, read without the package onnx."""
    (graph,) = (value for number, value in fields(file) if number == 7)
    found = {}
    for number, tensor in fields(graph):
        if number == 5:
            parts = list(fields(tensor))
            (name,) = (value for number, value in parts if number == 8)
            (raw,) = (value for number, value in parts if number == 9)
            shape = [value for number, value in parts if number == 1]
            if shape and isinstance(shape[0], bytes):  # packed
                shape = list(shape[0])
            found[name.decode()] = np.frombuffer(raw, np.float32).reshape(shape)
    return found


@pytest.fixture(scope="module")
def keras_network():
    """`network.build` with the shipped weights; its normalisations change nothing."""
    from cxrcore.lungs import network

    model = network.build()
    weights = weights_in(segmentation.WEIGHTS.read_bytes())
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    kernels = [name for name in weights if name.endswith("/kernel")]
    biases = [name for name in weights if name.endswith("/bias")]
    assert len(kernels) == len(biases) == len(convolutions)
    for layer, kernel, bias in zip(convolutions, kernels, biases, strict=True):
        layer.kernel.assign(weights[kernel].transpose(2, 3, 1, 0))
        if layer.use_bias:
            layer.bias.assign(weights[bias])
            continue
        normalisation = layer._outbound_nodes[0].operation
        width = len(weights[bias])
        spread = np.full(width, 1 - normalisation.epsilon, np.float32)
        normalisation.set_weights([np.ones(width), weights[bias], np.zeros(width), spread])
    return model


def test_opencv_gives_the_output_of_the_keras_network(keras_network, simulated_folder):
    films = [images.decode(path) for path in sorted(simulated_folder.glob("*/images/*.png"))[:3]]
    films += [np.random.default_rng(0).integers(0, 256, (300, 200), np.uint8)]
    given = grid.standardised(np.stack([images.resize(film, grid.SIDE) for film in films]))
    expected = keras_network.predict(given[..., None], verbose=0).transpose(0, 3, 1, 2)
    found = segmentation.network()(given)
    assert found.shape == (4, 3, grid.OUTPUT_SIDE, grid.OUTPUT_SIDE)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_normalisation_is_folded_into_the_convolution_before_it():
    """(w*x - mean) / deviation * gamma + beta, for one pixel and one channel of each."""
    import keras

    from cxrcore.lungs import conversion

    picture = keras.Input((1, 1, 1))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    norm = keras.layers.BatchNormalization(epsilon=0.5)
    model = keras.Model(picture, norm(layer(picture)))
    layer.set_weights([np.full((1, 1, 1, 1), 3.0)])
    norm.set_weights([np.array([v]) for v in (2.0, 5.0, 4.0, 1.75)])  # gamma, beta, mean, variance
    kernel, bias = conversion._folded(layer)
    assert kernel.ravel() * 7 + bias == pytest.approx((3 * 7 - 4) / 1.5 * 2 + 5)
    assert float(np.squeeze(model(np.full((1, 1, 1, 1), 7.0)))) == pytest.approx(
        (3 * 7 - 4) / 1.5 * 2 + 5
    )


def test_a_trained_network_goes_to_onnx_and_back():
    pytest.importorskip("onnx", reason="requirements-export.txt is not installed")
    from cxrcore.lungs import conversion, network

    model = network.build()
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            shapes = [w.shape for w in layer.get_weights()]
            layer.set_weights([rng.uniform(0.5, 1.5, shape) for shape in shapes])
    given = rng.normal(0, 1, (2, grid.SIDE, grid.SIDE)).astype(np.float32)
    expected = model.predict(given[..., None], verbose=0).transpose(0, 3, 1, 2)
    found = segmentation.Network(conversion.onnx_bytes(model))(given)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_varied_film_keeps_its_lungs_where_they_are():
    """Of a film that is its own mask, the mask moves with the picture."""
    lungs = np.zeros((grid.SIDE, grid.SIDE), np.uint8)
    lungs[50:150, 40:80], lungs[50:150, 110:150] = grid.RIGHT, grid.LEFT
    film = np.where(lungs > 0, 40, 200).astype(np.uint8)
    inside = outside = empty = 0
    for seed in range(40):
        gray, shares = augmentation.varied(film, lungs, np.random.default_rng(seed))
        assert gray.shape == (grid.SIDE, grid.SIDE)
        np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-5)
        small = images.resize(gray, grid.OUTPUT_SIDE).astype(float)
        where = shares[..., 0] < 0.01
        if not where.any():
            empty += 1  # a film that was turned or inverted: to be refused
            continue
        near = (shares[..., 0] > 0.99) & (small > 5) & (small < 250)  # without margins
        inside += np.median(small[where])
        outside += np.median(small[near])
    assert 0 < empty < 20
    assert outside > 1.5 * inside


def test_files_of_weights_are_checked(monkeypatch, tmp_path):
    from cxrcore.errors import WeightsError

    damaged = tmp_path / "lungs.onnx"
    damaged.write_bytes(struct.pack("4s", b"onnx"))
    monkeypatch.setattr(segmentation, "WEIGHTS", damaged)
    segmentation.network.cache_clear()
    with pytest.raises(WeightsError, match="is not the network of this version"):
        segmentation.network()
    damaged.unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        segmentation.network()
    segmentation.network.cache_clear()
