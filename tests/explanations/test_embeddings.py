"""What describes an image: the input of the last Dense layer, and means of convolutions."""

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import explanations, models
from cxrcore.errors import ExplainError
from cxrcore.models import networks
from cxrcore.training.network import Network

SIDE = 32


@pytest.fixture
def films() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE), np.uint8)


def small(side=SIDE) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(8, 3, 2, activation="relu"),
            layers.Conv2D(6, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def as_batch(films):
    return np.repeat(films[..., None], 3, axis=3).astype(np.float32)


@pytest.mark.parametrize("name", ["cnn-plain", "binary-pool"])
def test_the_embedding_is_what_the_training_keeps(name, films):
    recipe = models.get(name).override(image_size=SIDE)
    model = networks.build(recipe, ["A", "B"], "random")
    shares, expected = Network(model, model, None).evaluator()(as_batch(films), training=False)
    found, _ = explanations.embed(model, films)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    one = explanations.explain_all(model, films[0], ())
    np.testing.assert_allclose(one.probabilities, shares[0], atol=1e-5)


def test_many_films_get_the_numbers_of_one(films, monkeypatch):
    model = small()
    monkeypatch.setattr("cxrcore.explanations.compiled.batch_size", lambda *_: 2)
    embeddings, depths = explanations.embed(model, films)
    assert embeddings.shape == (5, 10)
    for number, film in enumerate(films):
        one = explanations.explain_all(model, film, ("grad-cam",))
        np.testing.assert_allclose(embeddings[number], one.embedding, atol=1e-4)
        for many, alone in zip(depths, one.depths, strict=True):
            np.testing.assert_allclose(many[number], alone, atol=1e-4)


def test_depths_are_the_channel_means_of_four_convolutions_from_first_to_last(films):
    inner = keras.Sequential([layers.Conv2D(width, 3) for width in (3, 4, 5, 6)], name="inner")
    picture = keras.Input((SIDE, SIDE, 3))
    last = layers.Conv2D(7, 3)
    x = layers.GlobalAveragePooling2D()(last(inner(picture)))
    model = keras.Model(picture, layers.Dense(2, activation="softmax")(x))
    depths = explanations.explain_all(model, films[0], ()).depths
    assert [len(means) for means in depths] == [3, 4, 6, 7]  # 1st, 2nd, 4th, 5th of five
    x = as_batch(films[:1])
    for layer in (*inner.layers, last):
        x = layer(x)
        means = np.mean(x, axis=(0, 1, 2))
        if layer.filters != 5:
            np.testing.assert_allclose(depths[[3, 4, 6, 7].index(layer.filters)], means, rtol=1e-4)


def test_a_network_without_dense_layer_or_convolution_has_what_it_has(films):
    picture = keras.Input((SIDE, SIDE, 3))
    pooled = layers.GlobalAveragePooling2D()(picture)
    found = explanations.explain_all(keras.Model(picture, layers.Softmax()(pooled)), films[0], ())
    np.testing.assert_allclose(found.embedding, np.full(3, films[0].mean()), rtol=1e-5)
    assert found.depths == ()


def test_films_of_another_size_are_refused(films):
    with pytest.raises(ExplainError, match="64 x 64 x 3"):
        explanations.embed(small(64), films)
