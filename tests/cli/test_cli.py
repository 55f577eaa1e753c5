"""The command line: one JSON object with --json, one clear line and exit code 2 on bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import recipes, store, training
from cxrcore.datasets import load


@pytest.fixture
def as_json(run):
    """Run with --json and return the object; anything else on standard output fails."""

    def call(*words: object) -> dict:
        code, out, err = run(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture
def trained(tiny_dataset_folder):
    """A run on the tiny dataset."""
    recipe = recipes.get("cnn-plain").override(image_size=32, epochs=1)
    return training.train(training.plan(recipe, load(tiny_dataset_folder)))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("data", "add", "x", "/nowhere"), "/nowhere"),
        (("index", "nothing"), "nothing"),
        (("train", "no-such-recipe", "--data", "x"), "no-such-recipe"),
        (("show", "no-such-run"), "no-such-run"),
        (("show", "../../etc"), "etc"),
        (("delete", "no-such-run"), "no-such-run"),
        (("evaluate", "no-such-run"), "no-such-run"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(run, words, names):
    code, out, err = run(*words)
    assert code == 2
    assert not out
    assert len(err.strip().splitlines()) == 1
    assert names in err


def test_a_value_out_of_range_names_field_and_range(run, tiny_dataset_folder):
    code, _, err = run("train", "cnn-plain", "--data", tiny_dataset_folder, "--epochs", 0)
    assert code == 2
    assert "epochs" in err
    assert "1 to 500" in err


def test_a_dataset_with_one_class_cannot_be_trained_on(run, make_tiny_dataset):
    code, _, err = run("train", "cnn-plain", "--data", make_tiny_dataset(classes=("A",)))
    assert code == 2
    assert "class" in err


def test_a_dataset_is_added_listed_measured_and_forgotten(as_json, run, tiny_dataset_folder):
    added = as_json("data", "add", "tiny", tiny_dataset_folder)
    assert added["classes"] == {"A": 12, "B": 12, "C": 12}
    assert [d["name"] for d in as_json("data", "list")["datasets"]] == ["tiny"]
    measured = as_json("index", "tiny")
    assert (measured["images"], measured["measured_now"], measured["damaged"]) == (36, 36, [])
    assert as_json("index", "tiny")["measured_now"] == 0
    assert run("data", "forget", "tiny")[0] == 0
    assert as_json("data", "list")["datasets"] == []
    assert tiny_dataset_folder.exists()


def test_a_damaged_image_is_named_by_index(as_json, tiny_dataset_folder):
    (tiny_dataset_folder / "A" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    found = as_json("index", tiny_dataset_folder)
    assert [row["path"] for row in found["damaged"]] == ["A/broken.png"]


def test_recipes_are_listed_with_their_figures(as_json, run):
    listed = as_json("recipes")["recipes"]
    assert {r["name"] for r in listed} == set(recipes.RECIPES)
    assert "512,951" in run("recipes")[1]


@pytest.mark.slow
def test_training_from_the_command_line_leaves_a_run_and_is_answered_from_the_store_next_time(
    as_json, tiny_dataset_folder
):
    words = ("train", "cnn-plain", "--data", tiny_dataset_folder, "--size", 32, "--epochs", 1)
    first = as_json(*words)
    assert first["state"] == "done"
    assert 0 <= first["run"]["accuracy"] <= 1
    again = as_json(*words)
    assert again["run"] == first["run"]
    assert "before" in again["message"]
    assert [r["run_id"] for r in as_json("runs")["runs"]] == [first["run_id"]]


def test_a_run_is_shown_evaluated_and_deleted(run, as_json, trained):
    assert json.loads(run("show", trained.run_id)[1])["run_id"] == trained.run_id
    test = as_json("evaluate", trained.run_id)["test"]
    assert test["accuracy"] == trained.metrics["test"].accuracy
    assert "Confusion matrix" in run("evaluate", trained.run_id)[1]
    assert run("delete", trained.run_id)[0] == 0
    assert store.list_runs().empty


def test_an_explanation_is_written_as_a_picture(as_json, trained, tiny_dataset_folder, tmp_path):
    image = next(Path(tiny_dataset_folder).rglob("*.png"))
    out = tmp_path / "heat.png"
    told = as_json("explain", trained.run_id, image, "--method", "saliency", "--out", out)
    assert np.asarray(Image.open(out)).shape == (32, 32, 3)
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_a_broken_picture_cannot_be_explained(run, trained, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    code, _, err = run("explain", trained.run_id, broken, "--out", tmp_path / "x.png")
    assert code == 2
    assert "broken.png" in err


def test_one_class_against_the_rest_is_one_option(run, as_json, tiny_dataset_folder, monkeypatch):
    from datetime import UTC, datetime

    from cxrcore import datasets, jobs

    asked = []

    def submit(spec):
        asked.append(spec)
        now = datetime.now(UTC)
        return jobs.Job(
            job_id="x", kind="train", title="x", state="queued", created=now, dataset=spec.dataset
        )

    monkeypatch.setattr(jobs, "submit_training", submit)
    datasets.register("tiny", tiny_dataset_folder)
    words = ("train", "binary-pool", "--data", "tiny", "--background")
    code, _, err = run(*words)
    assert code == 2
    assert "--against-rest CLASS" in err
    code, _, err = run(*words, "--against-rest", "Z")
    assert code == 2
    assert "no class 'Z'" in err
    assert [entry.name for entry in datasets.registered()] == ["tiny"]

    assert as_json(*words, "--against-rest", "B")["dataset"] == "tiny-b-against-rest"
    made = datasets.load("tiny-b-against-rest")
    assert made.classes == asked[0].classes == ("B", "not B")
    assert made.fingerprint == asked[0].fingerprint
