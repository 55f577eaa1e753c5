"""`data duplicates`, and the options and marks of splits on the command line."""

import json
import shutil

import pytest
from PIL import Image

from cxrcore import datasets, models, store, training, work
from cxrcore.errors import JobError


@pytest.fixture
def copied(tiny_dataset_folder):
    """The tiny dataset with a JPEG of one image under another name, and an exact copy of it."""
    first = tiny_dataset_folder / "A" / "00000004_000.png"
    Image.open(first).save(tiny_dataset_folder / "A" / "z.jpg", quality=95)
    shutil.copy(first, tiny_dataset_folder / "A" / "y.png")
    return tiny_dataset_folder


def test_duplicates_and_what_they_would_leak_are_told(run, copied):
    code, out, err = run("data", "duplicates", copied, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["images"], found["exact_copies_left_out"]) == (37, 1)
    assert (found["groups"], found["images_in_groups"], found["leaking"]) == (1, 2, 0)
    [pair] = found["pairs"]
    assert {pair["first_path"], pair["second_path"]} == {"A/00000004_000.png", "A/z.jpg"}
    assert pair["kind"] == "near"
    code, out, _ = run("data", "duplicates", copied)
    assert "Exact copies left out: 1. Groups of duplicates: 1, with 2 images." in out
    assert "Divided by image: " in out
    assert "A/z.jpg" in out


def test_a_dataset_that_cannot_be_divided_still_has_its_duplicates(run, make_tiny_dataset):
    code, out, _ = run("data", "duplicates", make_tiny_dataset("small", patients=2), "--json")
    assert code == 0
    found = json.loads(out)
    assert "leaking" not in found
    assert "cannot be counted" in found["said"][1]


def test_images_that_two_datasets_share_are_told(run, copied, make_tiny_dataset):
    words = "data", "duplicates", copied, "--with", make_tiny_dataset("other")
    code, out, err = run(*words, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["shared_images"] == 37
    assert sum(pair["kind"] == "exact" for pair in found["pairs"]) == 36
    assert "37 of 37 images of tiny are in other." in run(*words)[1]


def test_how_images_are_divided_can_be_chosen(run, copied, monkeypatch):
    asked: list[training.TrainSpec] = []

    def submit(spec, *_):
        asked.append(spec)
        raise JobError("enough")

    monkeypatch.setattr(work, "submit_training", submit)
    run("train", "cnn-plain", "--data", copied)
    options = "--group", "image", "--duplicates", "ignored", "--no-published-split"
    run("train", "cnn-plain", "--data", copied, *options)
    usual, changed = (spec.split for spec in asked)
    assert (usual.group, usual.duplicates, usual.published) == ("patient", "together", True)
    assert (changed.group, changed.duplicates, changed.published) == ("image", "ignored", False)
    assert run("train", "cnn-plain", "--data", copied, "--group", "family")[0] == 2


@pytest.fixture
def leaking(copied):
    """A run on a published split whose test part has the copy, trained for an epoch."""
    files = sorted(path.relative_to(copied).as_posix() for path in copied.glob("*/*.*"))
    tested = {f"{n}/{file}" for n in "ABC" for file in ("z.jpg",)}
    tested |= {file for file in files if file.endswith(("0_000.png", "2_000.png"))}
    rows = [f"{file},{'test' if file in tested else 'train'}" for file in files]
    (copied / "metadata.csv").write_text("\n".join(["path,split", *rows]))
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    return training.train(training.plan(recipe, datasets.load(copied)))


def test_leaks_of_a_run_are_told_with_its_figures(run, leaking):
    _, out, _ = run("runs")
    assert "! 1" in out
    [row] = json.loads(run("runs", "--json")[1])["runs"]
    assert row["leaking"] == 1
    _, out, _ = run("evaluate", leaking.run_id)
    assert "Leaks: 1 of 7 test images (14 %) has a duplicate in training or validation." in out
    assert "Without them: test accuracy" in out
    facts = json.loads(run("evaluate", leaking.run_id, "--json")[1])
    assert (facts["leaking"], facts["test"]["n"], facts["test_without_leaks"]["n"]) == (1, 7, 6)
    shown = json.loads(run("show", leaking.run_id)[1])
    assert shown["leaks"]["found"][0]["why"] == "duplicate"
    assert store.list_runs()["leaking"].tolist() == [1]
