"""A run for others: what is written says what the model says, and tells nothing of single images."""

import html
import importlib.util
import json
import sys

import keras
import numpy as np
import pytest
from keras import layers
from markdown_it import MarkdownIt

from cxrcore import cli, models, store
from cxrcore.errors import StoreError
from cxrcore.metrics import select
from cxrcore.models import networks
from cxrcore.statistics.shares import wilson
from cxrcore.store import bundle, conversion
from cxrcore.store.card import model_card
from tests.helpers.runs import kept, made_up

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = models.get("cnn-plain").override(image_size=32)


def keep(model: keras.Model, **changes: object) -> store.Run:
    """A run of `model` in the store, its tables made up."""
    return kept(made_up(**changes), model.save)


@pytest.fixture(scope="module")
def network():
    return networks.build(SMALL, 2)


# Wilson's interval


def test_wilson_is_that_of_the_quadratic_equation_it_solves():
    """Its bounds p are where |hits/n - p| = z * sqrt(p (1 - p) / n)."""
    for hits, n in ((0, 5), (1, 5), (8, 10), (50, 100), (99, 100), (7, 7)):
        z = 1.959963984540054
        share = hits / n
        roots = np.roots([1 + z**2 / n, -(2 * share + z**2 / n), share**2])
        assert wilson(hits, n) == pytest.approx(sorted(roots.real), abs=1e-9)


def test_wilson_of_a_published_example_and_of_nothing():
    # Newcombe 1998, Statistics in Medicine 17, 857: 81 of 263, score method: 0.2553 to 0.3662.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


# The card


def test_the_card_has_the_figures_with_hand_computed_intervals():
    run = made_up()
    text, test = model_card(run), run.metrics["test"]
    # 8 of 10 right; 3 of 4 and 5 of 6: Wilson by its formula.
    assert "| Accuracy | 0.800 (0.490-0.943) |" in text
    # F1: 2 s / (1 + s) of Wilson's bounds for 3 of 5 (0.231 to 0.882) and 5 of 7 (0.359 to 0.918).
    # Specificity: 5 of the 6 others are not taken for the first class, 3 of 4 not for the second.
    # AUC: 22 of 24 pairs are in order and one is tied. AP: 3/4 + 1/4 * 4/6, and
    # 4/6 + 1/6 * 5/6 + 1/6 * 6/7.
    first = "0.750 (0.301-0.954) | 0.750 (0.301-0.954) | 0.750 (0.375-0.938)"
    assert f"| COVID \\| 19 | {first} | 0.833 (0.436-0.970) | 0.938 | 0.917 | 4 |" in text
    second = "0.833 (0.436-0.970) | 0.833 (0.436-0.970) | 0.833 (0.528-0.957)"
    assert f"| Normal | {second} | 0.750 (0.301-0.954) | 0.938 | 0.948 | 6 |" in text
    assert "| Macro F1 | 0.792 (0.482-0.934) |" in text  # held against simulations in test_f1.py
    for metric in select("confusion", "predictions"):
        assert f"| {metric.title} | {metric.text(test.value(metric.name))}" in text
        assert metric.meaning in text
    assert "| COVID \\| 19 | 3 | 1 |" in text
    assert "1 of 10 test images (10 %) has a duplicate in training or validation" in text
    assert "Patients are not known for 50 %" in text
    assert "A note." in text
    for section in ("Model details", "Intended use", "Data", "Evaluation", "Limits", "Citation"):
        assert f"\n## {section}\n" in text
    assert "Never for diagnosis" in text
    assert SMALL.reported.caveat in text
    for secret in ("patient-7", "patient-8", "/secret"):
        assert secret not in text


def test_the_head_is_what_hugging_face_reads():
    head = model_card(made_up(synthetic=True)).split("---\n")[1].splitlines()
    assert head[:2] == ["library_name: keras", "pipeline_tag: image-classification"]
    assert "- synthetic-data" in head
    assert "    - type: accuracy" in head
    assert "      value: 0.8000" in head
    assert json.loads(next(x for x in head if x.startswith("      name:"))[11:]) == 'the "big" one'


def test_imported_synthetic_and_unchecked_runs_say_so():
    digest = "0" * 32
    imported = model_card(made_up(imported=f"team.h5 ({digest})", leaks=None, epochs_run=0))
    assert f"not trained by this project; imported from team.h5 ({digest})" in imported
    assert "test images may have been trained on" in imported
    assert "- imported-weights" in imported
    assert "Simulated images" in model_card(made_up(synthetic=True))
    assert "was not checked" in model_card(made_up(leaks=None))


def test_the_card_has_the_title_and_the_notes_that_people_wrote_as_they_wrote_them():
    notes = "First *line*.\n```\n## No heading\n<script>"
    said = store.Annotation(title="Mine | [x](http://a.b)", notes=notes)
    text = model_card(made_up(), said=said)
    rendered = MarkdownIt("commonmark").render(text.split("---\n", 2)[2])
    assert "<h1>Mine | [x](http://a.b)</h1>" in rendered
    assert f'<pre><code class="language-text">{html.escape(notes)}\n</code></pre>' in rendered
    assert "## Notes" not in model_card(made_up())


# The files


def test_an_exported_run_is_whole_and_tells_nothing_of_this_machine(network, tmp_path):
    run = keep(network)
    said = store.annotate(run.run_id, notes="For Monday.")
    place = bundle.publish(run.run_id, tmp_path / "out")
    assert place == tmp_path / "out" / run.run_id
    names = {path.name for path in place.iterdir()}
    assert names == {"model.keras", "README.md", "figures.json"}
    assert (place / "README.md").read_text(encoding="utf-8") == model_card(run, said=said)
    text = (place / "figures.json").read_text(encoding="utf-8")
    assert json.loads(text)["metrics"]["test"]["accuracy"] == 0.8
    for secret in ("patient-7", "patient-8", "/secret"):
        assert secret not in text
    loaded = keras.models.load_model(place / "model.keras")
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("f4")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), network.predict(x, verbose=0))
    with pytest.raises(StoreError, match=r"exists\. Choose another folder"):
        bundle.publish(run.run_id, tmp_path / "out")


def tflite_answer(path, images):
    import tensorflow as tf

    with pytest.warns(UserWarning, match="deprecated"):
        interpreter = tf.lite.Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    found = []
    for image in images:  # one by one, as a phone does
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(found)


def with_random_layers() -> keras.Model:
    inputs = keras.Input((32, 32, 3))
    x = layers.RandomRotation(0.2)(inputs)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 3, strides=4)(x)
    x = layers.Flatten()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(2, "softmax")(x))


def normalised() -> keras.Model:
    """With the statistics of a picture in a nested network, as EfficientNet has them."""
    scaling = layers.Normalization()
    scaling.adapt(np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)))
    inputs = keras.Input((32, 32, 3))
    inner = keras.Sequential([keras.Input((32, 32, 3)), scaling, layers.Conv2D(4, 3, strides=4)])
    x = layers.Flatten()(inner(inputs))
    return keras.Model(inputs, layers.Dense(2, "softmax")(x))


@pytest.mark.parametrize("kind", ["plain", "binary", "augmented"])
def test_a_tflite_file_says_what_keras_says(network, tmp_path, kind):
    if kind == "plain":
        model = network
    elif kind == "augmented":
        model = with_random_layers()
    else:
        model = networks.build(models.get("binary-pool").override(image_size=32), 2)
    model.save(tmp_path / "model.keras")
    difference = conversion.tflite(tmp_path / "model.keras", tmp_path / "model.tflite")
    assert difference < 1e-4
    x = np.random.default_rng(5).uniform(0, 255, (3, 32, 32, 3)).astype("f4")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(tflite_answer(tmp_path / "model.tflite", x), expected, atol=1e-4)


def test_a_conversion_that_says_something_else_is_not_kept(network, tmp_path, monkeypatch):
    run = keep(network)
    monkeypatch.setattr(conversion, "TOLERANCE", -1.0)
    with pytest.raises(StoreError, match=r"cnn-plain-0123abcd does not say what the model says"):
        bundle.publish(run.run_id, tmp_path / "out", "tflite")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_converter_that_fails_is_one_clear_line(network, tmp_path, monkeypatch):
    import tensorflow as tf

    def fail(model):
        raise RuntimeError("no such operation\nand a long trace")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_keras_model", fail)
    network.save(tmp_path / "model.keras")
    with pytest.raises(StoreError, match=r"as TFLite on this machine: no such operation\. Export"):
        conversion.tflite(tmp_path / "model.keras", tmp_path / "x.tflite")


def test_onnx_without_its_packages_says_which_are_missing(network, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"not installed: onnx, tf2onnx, onnxruntime\."):
        conversion.onnx(tmp_path / "model.keras", tmp_path / "model.onnx")


@pytest.mark.filterwarnings("ignore")  # of tf2onnx; nothing of ours
@pytest.mark.parametrize("kind", ["plain", "augmented", "normalised"])
def test_an_onnx_file_says_what_keras_says(network, tmp_path, kind):
    ort = pytest.importorskip("onnxruntime", reason="requirements-export.txt is not installed")
    pytest.importorskip("tf2onnx", reason="requirements-export.txt is not installed")
    made = {"plain": lambda: network, "augmented": with_random_layers, "normalised": normalised}
    model = made[kind]()
    model.save(tmp_path / "model.keras")
    assert conversion.onnx(tmp_path / "model.keras", tmp_path / "model.onnx") < 1e-4
    session = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    x = np.random.default_rng(5).uniform(0, 255, (3, 32, 32, 3)).astype("f4")
    found = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-4)


def test_the_command_prints_one_json_object(network, tmp_path, monkeypatch, capfd):
    run = keep(network)
    words = ["cxrcore", "export", run.run_id, str(tmp_path), "--format", "tflite", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
        raise SystemExit(0)
    assert not ended.value.code
    facts = json.loads(capfd.readouterr().out)
    assert facts["files"] == ["README.md", "figures.json", "model.keras", "model.tflite"]
    card = (tmp_path / run.run_id / "README.md").read_text(encoding="utf-8")
    assert "`model.tflite` (within" in card
