"""Every map against tf-keras-vis 0.8.7, on plain and on nested networks."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import explanations
from cxrcore.explanations.methods import smoothgrad

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package imports names that SciPy has moved
    from tf_keras_vis.gradcam import Gradcam, GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

CAMS = {"grad-cam": Gradcam, "grad-cam++": GradcamPlusPlus, "layercam": Layercam}


@pytest.fixture(autouse=True)
def _reference_may_warn():
    """The package hands a list to networks that take one picture, and Keras warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*structure of `inputs`")
        yield


def as_input(picture):
    return np.repeat(picture[None, :, :, None], 3, axis=3).astype(np.float32)


def reference_saliency(flat, picture, class_index, **options):
    explainer = Saliency(flat)
    image = as_input(picture)
    return explainer(CategoricalScore(class_index), image, normalize_map=False, **options)[0]


def reference_cam(method, flat, picture, class_index):
    image = as_input(picture)
    heat = CAMS[method](flat)(CategoricalScore(class_index), image, normalize_cam=False)[0]
    if method == "grad-cam++":  # see gradcam_plus_plus
        heat = heat / np.exp(flat(image, training=False).numpy()[0, class_index])
    return heat


def assert_close(ours, reference):
    """Equal to a thousandth of the largest value; 0 everywhere if the reference is."""
    np.testing.assert_allclose(ours, reference, atol=1e-3 * reference.max(), rtol=0)


@pytest.mark.parametrize("class_index", [0, 2])
def test_saliency_is_that_of_the_reference(pair, picture, class_index):
    network, flat = pair
    reference = reference_saliency(flat, picture, class_index)
    assert reference.max() > 0
    assert_close(explanations.explain(network, picture, "saliency", class_index), reference)


@pytest.mark.parametrize("method", CAMS)
def test_class_activation_maps_are_those_of_the_reference(pair, picture, method):
    network, flat = pair
    classes = range(network.output_shape[-1])
    references = [reference_cam(method, flat, picture, index) for index in classes]
    assert max(heat.max() for heat in references) > 0  # some may have no evidence for them
    for index, reference in zip(classes, references, strict=True):
        assert_close(explanations.explain(network, picture, method, index), reference)


@pytest.mark.parametrize("pair", ["plain", "resnet"], indirect=True)
def test_smoothgrad_is_that_of_the_reference_given_the_same_noise(pair, picture, monkeypatch):
    network, flat = pair
    noise = np.stack(
        [smoothgrad.noise(number, (*picture.shape, 3)) for number in range(smoothgrad.SAMPLES)]
    )
    monkeypatch.setattr(np.random, "normal", lambda mean, sigma, shape: sigma * noise[:, None])
    options = {"smooth_samples": smoothgrad.SAMPLES, "smooth_noise": smoothgrad.NOISE}
    reference = reference_saliency(flat, picture, 1, **options)
    assert reference.max() > 0
    assert_close(explanations.explain(network, picture, "smoothgrad", 1), reference)


@pytest.mark.slow
@pytest.mark.parametrize("trunk_name", ["ResNet50", "DenseNet121"])
def test_the_trunks_of_the_studies_are_explained_as_by_the_reference(trunk_name, picture):
    keras.utils.set_random_seed(3)
    trunk = getattr(keras.applications, trunk_name)(
        include_top=False, weights=None, input_shape=(*picture.shape, 3), pooling="avg"
    )
    whole = keras.Input((*picture.shape, 3))
    softmax = layers.Dense(3, activation="softmax")
    network = keras.Model(whole, softmax(trunk(layers.Rescaling(1 / 255)(whole))))
    linear = layers.Dense(3)
    flat = keras.Model(trunk.input, linear(trunk.output))
    linear.set_weights(softmax.get_weights())
    probabilities, heat = explanations.predict_and_explain(network, picture, "grad-cam", None)
    predicted = int(probabilities.argmax())
    assert_close(heat, reference_cam("grad-cam", flat, picture / 255, predicted))


def test_probabilities_are_those_of_the_network(pair, picture):
    network, _ = pair
    expected = network(as_input(picture), training=False).numpy()[0]
    for methods in ((), ("grad-cam",)):
        probabilities = explanations.explain_all(network, picture, methods).probabilities
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
