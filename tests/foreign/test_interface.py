"""What the shape of an input tells, and how gray levels become what a network was trained on."""

import numpy as np
import pytest

from cxrcore.errors import ModelError
from cxrcore.foreign import Interface, Signature, describe


def interface(**changes):
    values = {"format": "onnx", "size": 2, "channels": 3, "layout": "NCHW", "range": "0..1", "outputs": "logits"}  # fmt: skip
    return Interface(**(values | changes))


@pytest.mark.parametrize(
    ("shape", "said", "found"),
    [
        ((None, 3, 224, 224), {}, (224, 3, "NCHW")),
        ((1, 192, 192, 3), {}, (192, 3, "NHWC")),
        ((None, 64, 64, 1), {}, (64, 1, "NHWC")),
        ((None, 1, None, None), {"size": 96}, (96, 1, "NCHW")),
        ((None, None, None, None), {"size": 64, "layout": "NCHW"}, (64, 3, "NCHW")),
    ],
)
def test_the_shape_of_the_input_tells_size_channels_and_layout(shape, said, found):
    told = describe(Signature(shape, False, 3, 0), "onnx", **said)
    assert (told["size"], told["channels"], told["layout"]) == found


@pytest.mark.parametrize(
    ("shape", "said", "line"),
    [
        ((None, None, None, None), {"size": 64}, "--layout NHWC"),
        ((None, 3, 3, 3), {}, "--layout NCHW"),
        ((None, 3, None, None), {}, "--size 224"),
        ((None, 3, 64, 64), {"size": 32}, "not 32 x 32 pixels"),
        ((None, 3, 64, 48), {}, "not square"),
        ((None, 3, 64, 64), {"layout": "NHWC"}, "64 channels as NHWC"),
        ((None, 100), {}, "one image a film"),
        ((None, 5, 64, 64), {}, "--layout"),
    ],
)
def test_what_the_shape_does_not_tell_is_asked(shape, said, line):
    with pytest.raises(ModelError, match=line):
        describe(Signature(shape, False, 3, 0), "onnx", **said)


def test_channels_first_of_keras_are_refused():
    with pytest.raises(ModelError, match="channels_last"):
        describe(Signature((None, 3, 64, 64), False, 3, 0), "keras")


def test_gray_levels_become_the_values_that_a_network_was_trained_on():
    film = np.array([[[0, 51], [102, 255]]], np.float32)
    assert interface(range="0..255").batch(film)[0, 2].tolist() == film[0].tolist()
    assert interface().batch(film)[0, 0] == pytest.approx(film[0] / 255)
    assert interface(range="-1..1").batch(film)[0, 0] == pytest.approx(film[0] / 127.5 - 1)
    # torchvision.transforms.Normalize, green.
    wanted = (film[0] / 255 - 0.456) / 0.224
    assert interface(range="imagenet").batch(film)[0, 1] == pytest.approx(wanted, abs=1e-5)
    last = interface(layout="NHWC", channels=1).batch(film)
    assert last.shape == (1, 2, 2, 1)
    assert last.dtype == np.float32


def test_probabilities_come_back_from_their_logits():
    shares = np.array([[0.2, 0.8, 0], [1, 0, 0]], np.float32)
    logits = interface(outputs="probabilities").logits(shares)
    powers = np.exp(logits)
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(shares, abs=1e-7)
    assert interface().logits(shares) is shares
