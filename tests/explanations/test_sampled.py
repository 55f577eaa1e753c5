"""The methods that try many changed copies: against tf-keras-vis, or a slow direct form."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cxrcore import explanations
from cxrcore.explanations import METHODS, compiled
from cxrcore.explanations.base import Probe
from cxrcore.explanations.methods import integrated_gradients, occlusion, rise, scorecam

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package imports names that SciPy has moved
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

SIDE, CLASS = 20, 1
SLOW = {name for name, method in METHODS.items() if method.slow}


def linear_end(model):
    """The same weights without the softmax."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.layers[-1].activation = keras.activations.linear
    return copy


@pytest.fixture(scope="module")
def nested() -> keras.Model:
    """A trunk inside, as the pretrained recipes have it; smooth, so that few steps are enough."""
    keras.utils.set_random_seed(4)
    trunk = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(6, 3, 2, activation="tanh"),
            layers.BatchNormalization(),
            layers.Conv2D(10, 3, activation="tanh", name="last"),
        ],
        name="trunk",
    )
    picture = keras.Input((SIDE, SIDE, 3))
    x = trunk(layers.Rescaling(1 / 127.5, offset=-1)(picture))
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    wide = keras.initializers.RandomNormal(stddev=2)
    x = layers.Dense(3, activation="softmax", kernel_initializer=wide)(x)
    return keras.Model(picture, x)


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    blobs = 120 + 70 * np.sin(rows / 3) * np.cos(columns / 5) + 40 * np.sin(columns)
    return blobs.clip(0, 255).astype(np.uint8)


def colour(film):
    return np.repeat(film[..., None], 3, axis=2).astype(np.float32)


def direct(model, image):
    """One image through the network, one call an image."""
    return model(image[None].astype(np.float32), training=False).numpy()[0, CLASS]


def assert_close(ours, reference):
    assert reference.max() > 0
    np.testing.assert_allclose(ours, reference, atol=1e-3 * reference.max(), rtol=0)


@pytest.mark.parametrize("most", [128, 4])
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`")
def test_score_cam_is_that_of_the_reference(film, monkeypatch, most):
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, 2, activation="relu"),
            layers.Conv2D(10, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    monkeypatch.setattr(scorecam, "CHANNELS", most)
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setattr(keras.Model, "predict", lambda self, x, **_: np.asarray(self(x)))
        reference = Scorecam(linear_end(model))(
            CategoricalScore(CLASS), colour(film)[None], normalize_cam=False, max_N=min(most, 10)
        )[0]
    assert_close(explanations.explain(model, film, "score-cam", CLASS), reference)


def test_score_cam_of_a_nested_network_is_its_definition(nested, film):
    trunk = nested.get_layer("trunk")
    before = nested.layers[1](colour(film)[None])
    features = trunk(before, training=False).numpy()[0]  # of its last layer
    total = np.zeros(features.shape[:2])
    for channel in np.moveaxis(features, -1, 0):
        large = tf.raw_ops.ResizeBilinear(
            images=channel[None, ..., None], size=(SIDE, SIDE), align_corners=True
        ).numpy()[0]
        stretched = (large - large.min()) / (np.ptp(large) + 1e-7)
        total += direct(nested, colour(film) * stretched) * channel
    expected = tf.raw_ops.ResizeBilinear(
        images=np.maximum(total, 0)[None, ..., None], size=(SIDE, SIDE), align_corners=True
    ).numpy()[0, ..., 0]
    assert_close(explanations.explain(nested, film, "score-cam", CLASS), expected)


def test_attributions_sum_to_the_difference_to_plain_gray(nested, film):
    image = colour(film)
    found = integrated_gradients.attributions(Probe(nested, image, CLASS, None))
    logits = linear_end(nested)
    gray = np.full_like(image, image.mean())
    difference = direct(logits, image) - direct(logits, gray)
    assert abs(difference) > 0.05
    assert found.sum() == pytest.approx(difference, rel=1e-3)
    assert found.min() < 0 < found.max()


def test_integrated_gradients_are_a_sum_of_many_small_steps(nested, film):
    image, steps = colour(film), 400
    gray = np.full_like(image, image.mean())
    logits, total = linear_end(nested), 0.0
    for share in ((np.arange(steps) + 0.5) / steps).reshape(-1, 200):
        way = tf.constant(gray + np.float32(share)[:, None, None, None] * (image - gray))
        with tf.GradientTape() as tape:
            tape.watch(way)
            score = logits(way, training=False)[:, CLASS]
        total = total + tape.gradient(score, way).numpy().sum(axis=0) / steps
    expected = np.maximum(((image - gray) * total).sum(axis=-1), 0)
    found = explanations.explain(nested, film, "integrated-gradients", CLASS)
    assert_close(found, expected)


def test_occlusion_is_the_drop_of_the_logit_under_each_patch(nested, film, monkeypatch):
    monkeypatch.setattr(occlusion, "POSITIONS", 12)
    image, logits = colour(film), linear_end(nested)
    side = max(1, round(SIDE / 8))
    starts = sorted({round(i * (SIDE - side) / 11) for i in range(12)})
    drops = [[[] for _ in range(SIDE)] for _ in range(SIDE)]
    whole = direct(logits, image)
    for top in starts:
        for left in starts:
            covered = image.copy()
            covered[top : top + side, left : left + side] = image.mean()
            drop = whole - direct(logits, covered)
            for row in range(top, top + side):
                for column in range(left, left + side):
                    drops[row][column].append(drop)
    expected = np.array([[max(0, np.mean(values)) for values in row] for row in drops])
    assert_close(explanations.explain(nested, film, "occlusion", CLASS), expected)


@pytest.mark.parametrize("side", [1, 2, 7, 30, 224])
def test_patches_reach_from_edge_to_edge(side):
    found = occlusion.spans(side)
    assert {place for span in found for place in range(span.start, span.stop)} == set(range(side))


def test_rise_is_the_mean_probability_where_a_place_is_visible(nested, film, monkeypatch):
    monkeypatch.setattr(rise, "MASKS", 40)
    image = colour(film)
    masks = [rise.mask(number, SIDE, SIDE) for number in range(40)]
    chances = [direct(nested, image * mask[..., None]) for mask in masks]
    expected = np.zeros((SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            weights = [mask[row, column] for mask in masks]
            expected[row, column] = np.average(chances, weights=weights) - np.mean(chances)
    found = explanations.explain(nested, film, "rise", CLASS)
    assert_close(found, np.maximum(expected, 0))


def test_masks_show_half_of_the_image_everywhere():
    masks = np.stack([rise.mask(number, 30, 20) for number in range(400)])
    assert masks.min() >= 0
    assert masks.max() <= 1
    np.testing.assert_allclose(masks.mean(axis=0), rise.VISIBLE, atol=0.1)
    assert not np.array_equal(masks[0], masks[1])


def test_slow_methods_tell_how_far_they_are_and_can_be_abandoned(nested, film, monkeypatch):
    monkeypatch.setattr(compiled, "batch_size", lambda *_: 8)
    heard = []
    names = ("grad-cam", "smoothgrad", "score-cam")
    found = explanations.explain_all(
        nested, film, names, CLASS, progress=lambda *count: heard.append(count)
    )
    total = METHODS["smoothgrad"].passes + METHODS["score-cam"].passes
    assert list(found.maps) == list(names)
    assert heard[:4] == [(0, total), (8, total), (16, total), (24, total)]
    assert heard[-1] == (total, total)
    assert heard == sorted(heard)

    class Left(Exception):
        """The visitor did."""

    def leave(done, _):
        if done >= 16:
            raise Left

    with pytest.raises(Left):
        explanations.explain_all(nested, film, ("occlusion",), CLASS, progress=leave)


def test_what_takes_many_passes_is_slow_and_sampled_and_nothing_else_is():
    assert {"smoothgrad", "integrated-gradients", "score-cam", "occlusion", "rise"} == SLOW
    assert {type(METHODS[name]).__name__ for name in SLOW} == {"Sampled"}
    assert {type(METHODS[name]).__name__ for name in METHODS.keys() - SLOW} == {"Traced"}
