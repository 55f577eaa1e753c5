"""The formulas themselves: by hand, and what must hold for any network."""

import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import layers

from cxrcore import explanations
from cxrcore.errors import ExplainError
from cxrcore.explanations import methods
from cxrcore.explanations.methods import gradcam, gradcam_plus_plus, layercam

QUICK = [name for name, method in explanations.METHODS.items() if not method.slow]
WEIGH = (gradcam.grad_cam, gradcam_plus_plus.grad_cam_plus_plus, layercam.layer_cam)


@pytest.fixture(scope="module")
def by_hand():
    """Feature maps x and -2x of a 2 x 2 picture; class 0 sums with the weights below."""
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            layers.Conv2D(2, 1, use_bias=False),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    weights = np.array([[1, 1], [2, 0], [3, 1], [2, 0]], np.float32)  # (place, map)
    kernel = np.stack([weights.ravel(), -weights.ravel()], axis=1)  # class 1 is the opposite
    model.set_weights([np.array([[[[1, -2]]]], np.float32), kernel, np.zeros(2)])
    return model


PICTURE = np.array([[10, 20], [0, 1]], np.uint8)


def test_saliency_of_a_linear_network_is_its_weights(by_hand):
    heat = explanations.explain(by_hand, PICTURE, "saliency", 0)  # |w0 - 2 w1| at each place
    np.testing.assert_allclose(heat, [[1, 2], [1, 2]], rtol=1e-6)


def test_grad_cam_by_hand(by_hand):
    heat = explanations.explain(by_hand, PICTURE, "grad-cam", 0)  # mean weights 2 and 0.5: 2x - x
    np.testing.assert_allclose(heat, PICTURE, rtol=1e-6)


def test_layercam_by_hand(by_hand):
    heat = explanations.explain(by_hand, PICTURE, "layercam", 0)  # (w0 - 2 w1) x, positive part
    np.testing.assert_allclose(heat, [[0, 40], [0, 2]], rtol=1e-6)


def test_probabilities_come_with_the_map(by_hand):
    probabilities, _ = explanations.predict_and_explain(by_hand, PICTURE, "grad-cam", None)
    logit = -10 + 40 + 0 + 2
    np.testing.assert_allclose(probabilities, [1 / (1 + np.exp(-2 * logit)), 0], atol=1e-6)


def test_evidence_against_the_class_is_dropped(by_hand):
    # Every pixel speaks for class 0, so all of it speaks against class 1.
    assert explanations.explain(by_hand, PICTURE, "grad-cam", 1).max() == 0


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(
        np.float32, (2, 3, 4, 2), elements=st.floats(0, 64, width=32, allow_subnormal=False)
    )
)
def test_activations_with_no_positive_gradient_give_an_empty_map(values):
    activations, against = values
    for weigh in WEIGH:
        assert weigh(activations, -against).numpy().max() == 0


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(
        np.float32, (2, 3, 4, 2), elements=st.floats(-64, 64, width=32, allow_subnormal=False)
    )
)
def test_maps_are_finite_and_never_negative(values):
    for weigh in WEIGH:
        heat = weigh(*values).numpy()
        assert np.isfinite(heat).all()
        assert heat.min() >= 0


def test_no_index_explains_the_predicted_class(network, picture):
    for method in (*QUICK, "smoothgrad"):
        probabilities, heat = explanations.predict_and_explain(network, picture, method, None)
        again = explanations.explain(network, picture, method, int(probabilities.argmax()))
        np.testing.assert_array_equal(heat, again)


def test_maps_have_the_size_of_the_picture_and_are_not_stretched(network, picture):
    for method in explanations.METHODS:
        heat = explanations.explain(network, picture, method, 0)
        assert heat.shape == picture.shape
        assert heat.dtype == np.float32
    assert explanations.explain(network, picture, "saliency", 0).max() < 0.1


def test_methods_asked_for_together_give_the_maps_they_give_alone(network, picture):
    probabilities, maps, *_ = explanations.explain_all(network, picture, QUICK, 2)
    assert list(maps) == QUICK
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    for method, heat in maps.items():
        alone = explanations.explain(network, picture, method, 2)
        np.testing.assert_allclose(heat, alone, rtol=1e-5, atol=1e-9)


def test_the_same_picture_always_gives_the_same_smoothgrad(network, picture):
    first, second = (explanations.explain(network, picture, "smoothgrad", 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_gray_is_repeated_over_the_channels(network, picture):
    gray = explanations.explain(network, picture, "saliency", 0)
    for same in (picture[:, :, None], np.repeat(picture[:, :, None], 3, axis=2)):
        np.testing.assert_array_equal(explanations.explain(network, same, "saliency", 0), gray)


def test_a_method_is_one_new_file(tmp_path, monkeypatch, network, picture):
    (tmp_path / "inverse.py").write_text(
        "from cxrcore.explanations import base\n"
        "def inverse(forward, classes, layer):\n"
        "    return 255 - forward.image[..., 0]\n"
        "METHOD = base.Traced(\n"
        "    name='inverse', title='Inverse', meaning='the dark pixels', compute=inverse)\n"
    )
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    found = methods.find()
    monkeypatch.setattr(explanations, "METHODS", found)
    heat = explanations.explain(network, picture, "inverse", 0)
    np.testing.assert_array_equal(heat, 255.0 - picture)
    with pytest.raises(ExplainError, match="inverse"):  # the list of choices has it
        explanations.check(["nothing"])
    monkeypatch.delitem(sys.modules, "cxrcore.explanations.methods.inverse")


def test_what_the_pages_show_by_default_is_marked_in_the_methods():
    assert set(explanations.BY_DEFAULT) == {"grad-cam", "saliency"}
    assert all(method.title and method.meaning for method in explanations.METHODS.values())
