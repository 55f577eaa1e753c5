"""Which networks can be looked into, how they are compiled, and that they stay as they were."""

import dataclasses
import gc
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import explanations
from cxrcore.errors import ExplainError
from cxrcore.explanations import METHODS, compiled
from cxrcore.explanations.precision import in_float32

SIDE = 16


def make(*tail, side=SIDE, head=None):
    """A convolution, then `tail`, then three classes."""
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(4, 3, activation="relu", name="convolution"),
            *tail,
            layers.GlobalAveragePooling2D(),
            *(head or [layers.Dense(3, activation="softmax")]),
        ]
    )


@pytest.fixture
def small() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)


def test_a_network_is_traced_once_for_all_classes_and_pictures(small, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(1)
        return METHODS["grad-cam"].compute(*arguments)

    method = dataclasses.replace(METHODS["grad-cam"], name="counted", compute=counted)
    monkeypatch.setitem(METHODS, "counted", method)
    model = make()
    for class_index in (None, 0, 1, 2):
        for image in (small, small.astype(np.float64), small[:, :, None] // 2):
            explanations.explain(model, image, "counted", class_index)
    assert len(calls) == 1


def test_methods_in_another_order_are_compiled_already(small):
    model = make()
    for names in (
        ("saliency", "grad-cam"),
        ("grad-cam", "saliency"),
        ("grad-cam", "grad-cam", "saliency"),
    ):
        found = explanations.explain_all(model, small, names, 0)
        assert list(found.maps) == list(dict.fromkeys(names))
    assert len(compiled._compiled[model].functions) == 1


def test_grad_cam_derives_nothing_before_the_last_convolution(small):
    model = make(layers.Conv2D(4, 3, activation="relu"))

    def backward(method):
        explanations.explain(model, small, method, 0)
        graph = compiled._compiled[model].functions[None, method].graph
        return [op.type for op in graph.get_operations() if op.type == "Conv2DBackpropInput"]

    assert backward("grad-cam") == []
    assert len(backward("saliency")) == 2  # the probe itself works


def test_a_dropped_network_and_its_compiled_functions_are_freed(small):
    inner = make()
    picture = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(picture, inner(layers.Rescaling(1 / 255)(picture)))
    for method in explanations.METHODS:
        explanations.explain(model, small, method, 0)
    held = [weakref.ref(model), weakref.ref(inner), weakref.ref(inner.layers[0].kernel)]
    before = len(compiled._compiled)
    del model, inner, picture
    gc.collect()
    assert [reference() for reference in held] == [None, None, None]
    assert len(compiled._compiled) < before


def test_maps_follow_new_weights(small):
    model = make()
    before = explanations.explain(model, small, "saliency", 0)
    model.set_weights([2 * weight for weight in model.get_weights()])
    np.testing.assert_allclose(
        explanations.explain(model, small, "saliency", 0), 4 * before, rtol=1e-4
    )


def test_explaining_leaves_the_network_as_it_was(small):
    model = make()
    attributes = [dict(vars(layer)) for layer in model.layers]
    description = model.get_config()
    weights = [weight.copy() for weight in model.get_weights()]
    for method in explanations.METHODS:
        explanations.explain(model, small, method, 0)
    assert model.get_config() == description
    for layer, before in zip(model.layers, attributes, strict=True):
        assert vars(layer).keys() == before.keys()
        assert getattr(layer, "activation", None) is before.get("activation")
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)


def test_augmentation_is_off(small):
    model = make(layers.RandomTranslation(0.5, 0.5), layers.GaussianNoise(1.0))
    first, second = (explanations.explain(model, small, "grad-cam", 0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    expected = model(np.repeat(small[None, :, :, None], 3, 3).astype(np.float32), training=False)
    np.testing.assert_allclose(
        explanations.explain_all(model, small, ())[0], expected.numpy()[0], atol=1e-6
    )


def test_heads_written_in_other_ways_give_the_same_maps(small):
    usual = make()
    forms = {
        "softmax layer": make(head=[layers.Dense(3), layers.Softmax()]),
        "activation layer": make(head=[layers.Dense(3), layers.Activation("softmax")]),
        "no softmax": make(head=[layers.Dense(3)]),
        "nested head": make(head=[keras.Sequential([layers.Dense(3, activation="softmax")])]),
    }
    for method in ("saliency", "grad-cam"):
        expected = explanations.explain(usual, small, method, 1)
        for model in forms.values():
            model.set_weights(usual.get_weights())
            ours = explanations.explain(model, small, method, 1)
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-7)


def test_separable_and_squeeze_convolutions_are_told_apart(small):
    """The last convolution with more than one place counts, of whatever kind it is."""
    keras.utils.set_random_seed(1)
    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.SeparableConv2D(4, 3, activation="relu", name="wanted")(picture)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Flatten()(layers.Conv2D(5, 1, activation="relu")(x))
    model = keras.Model(picture, layers.Dense(3, activation="softmax")(x))
    heats = [explanations.explain(model, small, "layercam", index) for index in range(3)]
    assert max(map(np.ptp, heats)) > 0  # some class may have no evidence


def test_a_convolution_beside_the_way_to_the_classes_is_passed_over(small):
    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, activation="relu")(picture)
    aside = layers.Conv2D(2, 3)(x)
    cut = layers.Lambda(lambda value: 0 * keras.ops.stop_gradient(value))
    pooled = layers.GlobalAveragePooling2D()
    both = layers.Concatenate()([pooled(x), layers.GlobalAveragePooling2D()(cut(aside))])
    model = keras.Model(picture, layers.Dense(3, activation="softmax")(both))
    heats = [explanations.explain(model, small, "grad-cam", index) for index in range(3)]
    assert max(heat.max() for heat in heats) > 0


def test_any_picture_size_is_taken_where_the_network_takes_any():
    model = make(side=None)
    for height, width in ((20, 30), (40, 24)):
        image = np.full((height, width), 100, np.uint8)
        image[: height // 2] = 200
        assert explanations.explain(model, image, "grad-cam", 0).shape == (height, width)


# Mixed precision


def nested_network() -> keras.Model:
    keras.utils.set_random_seed(11)
    trunk = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.SeparableConv2D(8, 3, activation="relu"),
        ]
    )
    picture = keras.Input((SIDE, SIDE, 3))
    x = keras.applications.resnet50.preprocess_input(picture)
    x = layers.GlobalAveragePooling2D()(trunk(layers.RandomFlip()(x)))
    return keras.Model(picture, layers.Dense(3, activation="softmax", dtype="float32")(x))


def mixed_network() -> keras.Model:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        return nested_network()
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.fixture
def mixed_and_float32() -> tuple[keras.Model, keras.Model]:
    """The same weights in a network of mixed precision and in a float32 one."""
    mixed, exact = mixed_network(), nested_network()
    exact.set_weights(mixed.get_weights())
    return mixed, exact


def test_a_network_of_mixed_precision_is_explained_in_float32(mixed_and_float32, small):
    mixed, exact = mixed_and_float32
    for method in ("saliency", "grad-cam", "grad-cam++"):
        probabilities, heat = explanations.predict_and_explain(mixed, small, method, 1)
        expected_probabilities, expected = explanations.predict_and_explain(exact, small, method, 1)
        np.testing.assert_allclose(probabilities, expected_probabilities, atol=1e-5)
        np.testing.assert_allclose(heat, expected, rtol=1e-3, atol=1e-6)


def test_the_float32_copy_predicts_nearly_what_the_mixed_network_does(mixed_and_float32, small):
    mixed, exact = mixed_and_float32
    batch = np.repeat(small[None, :, :, None], 3, 3).astype(np.float32)
    copy = in_float32(mixed)
    assert copy is not mixed
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    np.testing.assert_allclose(copy(batch).numpy(), mixed(batch).numpy(), atol=0.03)
    assert in_float32(exact) is exact


def test_a_dropped_mixed_network_is_freed_with_its_copy(small):
    mixed = mixed_network()
    explanations.explain(mixed, small, "grad-cam", 0)
    held = [weakref.ref(mixed), weakref.ref(compiled._compiled[mixed].copy)]
    del mixed
    gc.collect()  # the network, and with it the only reference to the copy
    gc.collect()  # the copy, which has cycles of its own
    assert [reference() for reference in held] == [None, None]


# What cannot be explained


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((8, SIDE), np.uint8), r"\(8, 16\)"),
        (np.zeros((SIDE, SIDE, 2), np.uint8), r"\(16, 16, 2\)"),
        (np.zeros((1, SIDE, SIDE, 3), np.uint8), r"\(1, 16, 16, 3\)"),
        (np.zeros(SIDE, np.uint8), r"\(16,\)"),
    ],
)
def test_a_picture_of_another_shape_is_refused_with_the_shape_that_is_needed(image, found):
    with pytest.raises(ExplainError, match=rf"16 x 16 x 3.*{found}.*prepare_one"):
        explanations.explain(make(), image, "saliency", 0)


@pytest.mark.parametrize("value", [-1.0, 256.0, np.nan])
def test_a_picture_of_another_range_is_refused(value):
    image = np.full((SIDE, SIDE), 10.0)
    image[3, 3] = value
    with pytest.raises(ExplainError, match="must be 0 to 255"):
        explanations.explain(make(), image, "saliency", 0)


@pytest.mark.parametrize("class_index", [-1, 3, 99])
def test_a_class_out_of_range_is_refused_with_the_range(small, class_index):
    with pytest.raises(ExplainError, match=rf"0 to 2.*no class {class_index}\b"):
        explanations.explain(make(), small, "grad-cam", class_index)


def test_an_unknown_method_is_refused_with_the_list(small):
    with pytest.raises(ExplainError, match=r"'gradcam'.*grad-cam, .*saliency, "):
        explanations.explain(make(), small, "gradcam", 0)


def test_a_network_without_convolutions_is_refused_by_the_class_activation_maps(small):
    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    with pytest.raises(ExplainError, match="no convolution"):
        explanations.explain(model, small, "grad-cam", 0)
    assert explanations.explain(model, small, "saliency", 0).max() > 0


def test_a_network_that_hides_its_logits_is_refused_and_left_as_it_was(small):
    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(picture)))
    model = keras.Model(picture, keras.ops.softmax(x))
    with pytest.raises(ExplainError, match="has no logits"):
        explanations.explain(model, small, "saliency", 0)
    assert all("call" not in vars(layer) for layer in model.layers)


def test_a_network_with_two_outputs_is_refused(small):
    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.Flatten()(picture)
    model = keras.Model(picture, [layers.Dense(2)(x), layers.Dense(2)(x)])
    with pytest.raises(ExplainError, match="one vector of classes"):
        explanations.explain(model, small, "saliency", 0)


def test_importing_the_package_imports_no_tensorflow():
    code = "import sys, cxrcore.explanations; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
