"""The command explain: the film's own size, the layer, the class without evidence, all films."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from cxrcore import explanations, models, work
from cxrcore.figures import overlay
from cxrcore.jobs.model import Job, now
from tests.helpers import runs

SIDE = 32
FIRST, SECOND = runs.CLASSES

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def bright() -> str:
    return stored("none")


def stored(region: str) -> str:
    """A run whose first class is the brighter, the more; against the second speaks the same."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(1, 1, use_bias=False, name="first"),
            layers.AveragePooling2D(4),
            layers.Conv2D(1, 1, use_bias=False, name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", use_bias=False),
        ]
    )
    model.layers[0].set_weights([np.full((1, 1, 3, 1), 1 / 3)])
    model.layers[2].set_weights([np.ones((1, 1, 1, 1))])
    model.layers[4].set_weights([np.array([[0.01, -0.01]])])
    recipe = models.get("cnn-plain").override(image_size=SIDE, region=region)
    return runs.kept(runs.made_up(recipe=recipe), model.save).run_id


@pytest.fixture
def film(tmp_path):
    gray = np.zeros((60, 90), np.uint8)
    gray[:, 60:] = 200
    Image.fromarray(gray).save(tmp_path / "film.png")
    return tmp_path / "film.png"


def test_the_picture_has_the_size_of_the_film(run, bright, film, tmp_path):
    out = tmp_path / "heat.png"
    code, said, err = run("explain", bright, film, "--out", out, "--layer", "first")
    assert code == 0, err
    assert f"grad-cam of {FIRST}" in said
    assert "Nothing" not in said
    painted, gray = np.asarray(Image.open(out)), np.asarray(Image.open(film))
    seen = np.asarray(Image.fromarray(gray).resize((SIDE, SIDE)), np.float32)
    np.testing.assert_allclose(painted, overlay(gray, seen), atol=40)
    assert painted.shape == (60, 90, 3)
    assert (painted[:, :50] == 0).all()
    assert (painted[:, 70:] != 200).any()


def test_a_model_of_the_lungs_is_explained_in_their_box(run, film, tmp_path):
    mask, out = np.zeros((60, 90), np.uint8), tmp_path / "heat.png"
    mask[10:50, 50:80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    words = ("explain", stored("lungs-crop"), film, "--out", out, "--mask", tmp_path / "mask.png")
    code, said, err = run(*words, "--json")
    assert code == 0, err
    assert json.loads(said)["box"] == [50, 10, 30, 40]
    painted = np.asarray(Image.open(out)).astype(int)
    assert (painted[10:50, 70:80] != 200).any()
    painted[10:50, 50:80] = 0
    outside = np.asarray(Image.open(film)).copy()
    outside[10:50, 50:80] = 0
    np.testing.assert_array_equal(painted, np.repeat(outside[..., None], 3, axis=2))


def test_a_class_without_evidence_is_told_with_the_one_that_has_some(run, bright, film, tmp_path):
    words = ("explain", bright, film, "--label", SECOND, "--out", tmp_path / "heat.png")
    code, said, err = run(*words)
    assert code == 0
    told = f"Nothing in this film speaks for {SECOND}: the map is empty. There is some for: {FIRST}"
    assert told in " ".join((said + err).split())
    code, said, _ = run(*words, "--json")
    record = json.loads(said)
    assert (record["evidence"], record["strongest"]) == (False, 0)
    assert record["classes_with_evidence"] == [FIRST]
    assert record["box"] == [0, 0, 90, 60]


def test_an_unknown_layer_or_method_lists_what_there_is(run, bright, film, tmp_path):
    out = tmp_path / "heat.png"
    code, _, err = run("explain", bright, film, "--out", out, "--layer", "conv5")
    assert code == 2
    assert "Choose from: first, second" in err
    code, _, err = run("explain", bright, film, "--out", out, "--method", "gradcam")
    assert code == 2
    assert all(name in err for name in explanations.METHODS)
    assert not out.exists()


def test_a_slow_method_shows_how_far_it_is(run, bright, film, tmp_path):
    words = ("explain", bright, film, "--out", tmp_path / "heat.png", "--method", "smoothgrad")
    code, _, err = run(*words)
    assert code == 0
    assert "trying changed films" in err
    assert "24/24" in err
    assert "trying" not in run(*words, "--json")[2]


def test_all_films_are_mapped_by_a_job(run, bright, monkeypatch):
    asked = []

    def submit(*words, **options):
        asked.append((words, options))
        return Job(
            job_id="explanations-x", kind="explanations", title="Mapping", dataset="d",
            state="queued", created=now(),
        )  # fmt: skip

    monkeypatch.setattr(work, "submit_explanations", submit)
    code, said, _ = run("explain", bright, "--all", "--split", "validation", "--json")
    assert code == 0
    assert json.loads(said)["job"]["job_id"] == "explanations-x"
    assert asked == [((bright, "grad-cam"), {"split": "validation", "layer": None})]


@pytest.mark.parametrize(
    ("words", "hint"),
    [((), "--out PNG"), (("x.png",), "--out PNG"), (("x.png", "--all"), "leave out --all")],
)
def test_what_is_missing_or_too_much_is_said(run, bright, words, hint):
    code, _, err = run("explain", bright, *words)
    assert code == 2
    assert hint in err
