"""What a prediction says besides probabilities: where it looked, and which class has evidence."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import explanations, models
from cxrcore.images import encode_png
from cxrcore.inference import evidence, predict_here
from cxrcore.inference.models import Models, predict
from cxrcore.inference.pictures import Picture
from tests.helpers import runs

SIDE = 32

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(*weights: float) -> keras.Model:
    """The mean brightness times a weight is the logit of a class, in two convolutions."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(1, 1, use_bias=False, name="first"),
            layers.AveragePooling2D(4),
            layers.Conv2D(2, 1, use_bias=False, name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(len(weights), activation="softmax", use_bias=False),
        ]
    )
    model.layers[0].set_weights([np.full((1, 1, 3, 1), 1 / 3)])
    model.layers[2].set_weights([np.ones((1, 1, 1, 2))])
    model.layers[4].set_weights([np.stack([weights, weights]) / 200])
    return model


@pytest.fixture
def film() -> np.ndarray:
    return np.random.default_rng(0).integers(50, 200, (40, 30), np.uint8)


def stored(region: str = "none", weights: tuple[float, float] = (1, -1)) -> str:
    recipe = models.get("cnn-plain").override(image_size=SIDE, region=region)
    return runs.kept(runs.made_up(recipe=recipe), network(*weights).save).run_id


def ask(image, run_id, mask=None, methods=("grad-cam", "saliency"), **options):
    (answer,) = predict(Models(1), Picture(image, mask), [run_id], methods=methods, **options)
    assert answer.error is None
    return answer


def test_where_nothing_speaks_for_a_class_those_with_evidence_are_named_strongest_first():
    model, seen = network(-1, 1, 3, -2, 2), np.full((SIDE, SIDE), 100, np.uint8)
    run = SimpleNamespace(run_id="x", classes=["A", "B", "C", "D", "E"])
    found = explanations.explain_all(model, seen, ("grad-cam", "saliency", "occlusion"), 0)
    assert found.maps["grad-cam"].max() == 0
    assert evidence.elsewhere(run, model, seen, found.maps, 0, None) == {
        "grad-cam": ("C", "E", "B")
    }


def test_what_has_evidence_needs_no_other_class(film):
    first, second = runs.CLASSES
    run_id = stored()
    assert ask(film, run_id).evidence == {}
    against = ask(film, run_id, class_name=second)
    assert against.maps["grad-cam"].max() == 0
    assert against.evidence == {"grad-cam": (first,)}
    assert ask(film, run_id, class_name=second, methods=("saliency",)).evidence == {}


def test_no_other_class_may_have_evidence_either():
    model, seen = network(-1, -2), np.full((SIDE, SIDE), 100, np.uint8)
    run = SimpleNamespace(run_id="x", classes=["A", "B"])
    maps = explanations.explain_all(model, seen, ("layercam",), 0).maps
    assert evidence.elsewhere(run, model, seen, maps, 0, None) == {"layercam": ()}


def test_a_layer_is_looked_at_and_one_that_a_run_lacks_is_noted(film):
    run_id = stored()
    usual, first, other = (
        ask(film, run_id, layer=layer) for layer in (None, "first", "resnet50/conv5")
    )
    assert [layer.name for layer in usual.layers] == ["first", "second"]
    assert (usual.layer, first.layer, other.layer) == (None, "first", None)
    assert first.notes == usual.notes == ()
    (note,) = other.notes
    assert "no layer resnet50/conv5" in note
    np.testing.assert_array_equal(other.maps["grad-cam"], usual.maps["grad-cam"])
    assert not np.allclose(first.maps["grad-cam"], usual.maps["grad-cam"])


@pytest.mark.parametrize(
    ("region", "box"),
    [("none", (0, 0, 30, 40)), ("lungs", (0, 0, 30, 40)), ("lungs-crop", (5, 8, 12, 20))],
)
def test_the_box_is_the_part_of_the_film_that_was_seen(film, tmp_path, region, box):
    mask = np.zeros(film.shape, np.uint8)
    mask[8:28, 5:17] = 255
    file = tmp_path / "mask.png"
    file.write_bytes(encode_png(mask))
    run_id = stored(region)
    answer = ask(film, run_id, mask=file)
    assert answer.box == box
    if region == "lungs-crop":
        x, y, width, height = box
        alone = ask(np.ascontiguousarray(film[y : y + height, x : x + width]), stored_whole())
        np.testing.assert_array_equal(answer.seen, alone.seen)
        without = ask(film, run_id)
        assert without.box == (0, 0, 30, 40)
        assert "whole film" in without.notes[0]


def stored_whole() -> str:
    recipe = models.get("cnn-plain").override(image_size=SIDE)
    run = runs.made_up(recipe=recipe, run_id="cnn-plain-99999999")
    return runs.kept(run, network(1, -1).save).run_id


def test_embedding_and_depths_come_with_every_answer(film, tmp_path):
    file = tmp_path / "film.png"
    file.write_bytes(encode_png(film))
    (answer,) = predict_here(file, [stored()], methods=())
    mean = answer.seen.mean()
    np.testing.assert_allclose(answer.embedding, [mean, mean], rtol=1e-5)
    assert [means.tolist() for means in answer.depths] == [
        pytest.approx([mean], rel=1e-5),
        pytest.approx([mean, mean], rel=1e-5),
    ]


def test_progress_is_that_of_all_runs_and_may_end_the_work(film):
    heard = []
    run_ids = [stored(), stored_whole()]
    question = Models(2), Picture(film), run_ids
    predict(*question, methods=["smoothgrad"], progress=lambda *count: heard.append(count))
    total = 2 * explanations.METHODS["smoothgrad"].passes
    assert heard[0] == (0, total)
    assert heard[-1] == (total, total)
    assert heard == sorted(heard)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(*question, methods=["smoothgrad"], progress=stop)
