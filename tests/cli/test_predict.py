"""`predict`: many films to a table, from the command line."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from cxrcore import images, models, store
from cxrcore.inference import predict_here
from tests.helpers import runs
from tests.helpers.dicom_files import dicom

CLASSES = ["COVID | 19", "Normal"]

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def stored():
    """Two runs of tiny networks that disagree."""
    import keras

    def keep(number):
        keras.utils.set_random_seed(number)
        layers = [
            keras.layers.Conv2D(3, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
        model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
        recipe = models.get("cnn-plain").override(image_size=32)
        made = runs.made_up(run_id=f"cnn-plain-0000000{number}", recipe=recipe)
        return runs.kept(made, model.save).run_id

    return [keep(1), keep(2)]


@pytest.fixture
def folder(tmp_path):
    """Three films, one of them damaged, in sub-folders; and what is no film."""
    folder = tmp_path / "films"
    (folder / "deep" / "er").mkdir(parents=True)
    gray = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    (folder / "a.png").write_bytes(images.encode_png(gray))
    (folder / "deep" / "b").write_bytes(dicom())
    (folder / "deep" / "er" / "=c.png").write_bytes(images.encode_png(gray)[:200])
    (folder / "notes.txt").write_text("no film")
    (folder / ".hidden.png").write_bytes(images.encode_png(gray))
    return folder


def test_every_film_of_a_folder_is_a_row_for_each_run(run, stored, folder, tmp_path):
    table = tmp_path / "out.csv"
    code, out, err = run("predict", *stored, folder, "--csv", table)
    assert code == 0, err
    assert "3 films, 1 failed." in out
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [row["file"].removeprefix(f"{folder}/") for row in rows]
    assert names == ["a.png", "a.png", "deep/b", "deep/b", "deep/er/=c.png"]
    assert [row["run_id"] for row in rows] == [*stored, *stored, ""]
    for row in rows[:4]:
        (expected,) = predict_here(row_file := folder / row["file"], [row["run_id"]], methods=())
        assert row_file.exists()
        found = [float(row[f"p_{name}"]) for name in CLASSES]
        np.testing.assert_allclose(found, expected.probabilities, atol=1e-6)
        assert (row["predicted"], row["error"]) == (expected.predicted, "")
    assert "=c.png is damaged or cut short" in rows[4]["error"]
    assert (rows[4]["predicted"], rows[4]["p_Normal"]) == ("", "")


def test_as_json_it_is_one_object(run, stored, folder):
    code, out, err = run("predict", stored[0], folder / "a.png", folder / "deep", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["failed"], found["csv"]) == (1, None)
    assert [row["error"] is None for row in found["rows"]] == [True, True, False]
    assert list(found["rows"][0]["probabilities"]) == CLASSES


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["no-such-run", "."], "no-such-run"),
        (["RUN"], "Name the films"),
        (["RUN", "nowhere"], "no file or folder nowhere"),
        (["RUN", "EMPTY"], "There is no film in"),
    ],
)
def test_bad_input_is_one_clear_line(run, stored, tmp_path, words, names):
    (tmp_path / "empty").mkdir()
    names_of = {"RUN": stored[0], "EMPTY": tmp_path / "empty"}
    code, out, err = run("predict", *(names_of.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert names in err
    assert len(err.strip().splitlines()) == 1


def test_answers_follow_the_thresholds_that_were_saved(run, stored, folder):
    before = json.loads(run("predict", stored[0], folder / "a.png", "--json")[1])["rows"][0]
    other = next(name for name in CLASSES if name != before["predicted"])
    store.annotate(stored[0], thresholds={other: 0.0}, temperature=2.0)
    after = json.loads(run("predict", stored[0], folder / "a.png", "--json")[1])["rows"][0]
    assert after["predicted"] == other
    roots = {name: np.sqrt(share) for name, share in before["probabilities"].items()}
    expected = {name: root / sum(roots.values()) for name, root in roots.items()}
    assert after["probabilities"] == pytest.approx(expected, abs=1e-5)


def test_a_command_that_could_predict_nothing_fails(run, stored, folder):
    code, out, _ = run("predict", stored[0], folder / "deep" / "er" / "=c.png")
    assert code == 1
    assert "1 film, 1 failed." in out


def test_a_page_of_a_tiff_is_chosen_and_the_first_is_said(run, stored, tmp_path):
    films = [np.random.default_rng(n).integers(0, 256, (40, 30), np.uint8) for n in (1, 2)]
    first, second = map(Image.fromarray, films)
    first.save(tmp_path / "both.tif", save_all=True, append_images=[second])
    for page, options in ((1, ()), (2, ("--page", 2))):
        _, out, _ = run("predict", stored[0], tmp_path / "both.tif", "--json", *options)
        [row] = json.loads(out)["rows"]
        [expected] = predict_here(films[page - 1], stored[:1], methods=())
        assert list(row["probabilities"].values()) == pytest.approx(
            expected.probabilities, abs=1e-5
        )
        assert row["notes"] == [f"This is page {page} of 2 of the file."]
    assert (
        "has 2 pages; there is no page 3"
        in run("predict", stored[0], tmp_path / "both.tif", "--page", 3)[1]
    )
