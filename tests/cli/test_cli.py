"""The command line: one JSON object with --json, one clear line and exit code 2 on bad input."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from cxrcore import cli, datasets, jobs, models, priority, store, training, work
from cxrcore.datasets import load
from tests.conftest import write_tiny_dataset
from tests.helpers.layouts import picture, table
from tests.helpers.runs import kept, made_up


@pytest.fixture
def as_json(run):
    """Run with --json and return the object; anything else on standard output fails."""

    def call(*words: object) -> dict:
        code, out, err = run(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture(scope="module")
def _trained(tmp_path_factory):
    """A store with a run on the tiny dataset."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(folder / "models"))
        patch.setenv("CXR_DATA", str(folder / "data"))
        patch.setenv("CXR_PRECISION", "float32")
        patch.setattr(priority, "give_way", lambda: None)
        recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
        training.train(training.plan(recipe, load(write_tiny_dataset(folder / "tiny"))))
    return folder / "models"


@pytest.fixture
def trained(_trained, own_folders):
    """A run on the tiny dataset, in this test's store."""
    shutil.copytree(_trained, own_folders.models)
    return store.load_run(store.list_runs()["run_id"].item())


@pytest.fixture
def hands(tiny_dataset_folder):
    """The tiny dataset, registered as `hands`."""
    datasets.register("hands", tiny_dataset_folder)


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
    assert {r["name"] for r in listed} == set(models.RECIPES)
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


def test_a_run_is_shown_and_evaluated(run, as_json, trained):
    assert json.loads(run("show", trained.run_id)[1])["run_id"] == trained.run_id
    assert as_json("show", trained.run_id) == json.loads(run("show", trained.run_id)[1])
    assert len(run("show", trained.run_id, "--json")[1].splitlines()) == 1
    test = as_json("evaluate", trained.run_id)["test"]
    assert test["accuracy"] == trained.metrics["test"].accuracy
    assert "Confusion matrix" in run("evaluate", trained.run_id)[1]


def commands(group, words=()):
    """(words, command) of every command of a typer group, those of its groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_every_command_takes_json():
    found = dict(commands(typer.main.get_command(cli.app)))
    assert ("jobs", "cancel") in found
    without = [
        " ".join(words)
        for words, command in found.items()
        if not any("--json" in option.opts for option in command.params)
    ]
    assert without == []


def keep(run_id: str, recipe: str, weights_used: str) -> store.Run:
    made = made_up(
        run_id=run_id,
        recipe=models.get(recipe).override(image_size=224, weights="random"),
        weights_used=weights_used,
        dataset="hands",
    )
    return kept(made, lambda path: path.write_bytes(b"weights"))


def test_a_run_that_started_from_random_weights_says_so_wherever_it_is_told(
    run, as_json, hands, monkeypatch
):
    marked = keep("resnet50-masked-00000001", "resnet50-masked", "random")
    as_published = keep("resnet50-masked-00000002", "resnet50-masked", "imagenet")
    plain = keep("cnn-plain-00000003", "cnn-plain", "random")
    sentence = store.random_start(marked)
    assert sentence

    out = run("runs")[1]
    [line] = [line for line in out.splitlines() if "! random " in line]
    assert line.split("  ")[:2] == [store.title(marked), marked.run_id]
    assert out.splitlines()[-1] == f"! random: {sentence}"
    rows = {row["run_id"]: row["random_start"] for row in as_json("runs")["runs"]}
    assert rows == {marked.run_id: sentence, as_published.run_id: None, plain.run_id: None}

    for told in (marked, as_published, plain):
        due = told is marked
        assert (sentence in run("evaluate", told.run_id)[1].splitlines()) == due
        assert as_json("evaluate", told.run_id)["random_start"] == (sentence if due else None)

        def submit(_spec, *_, told=told):
            return job(told.run_id, "done", run_id=told.run_id)

        monkeypatch.setattr(work, "submit_training", submit)
        words = ("train", "cnn-plain", "--data", "hands")
        assert (sentence in run(*words)[1].splitlines()) == due
        assert as_json(*words)["run"]["random_start"] == (sentence if due else None)


def job(job_id: str, state: str, **changes: object) -> jobs.Job:
    now = datetime.now(UTC)
    values = {"job_id": job_id, "kind": "train", "title": "A title", "state": state}
    return jobs.Job(**values, created=now, **changes)


def test_a_training_in_the_background_tells_the_command_that_shows_it(run, hands, monkeypatch):
    monkeypatch.setattr(work, "submit_training", lambda *_: job("x-1", "queued"))
    words = ("train", "cnn-plain", "--data", "hands", "--background")
    code, out, _ = run(*words)
    assert code == 0
    assert "python -m cxrcore jobs log x-1 --follow" in out
    out = run(*words, "--repeats", 2)[1]
    assert "python -m cxrcore jobs list" in out
    monkeypatch.setattr(work, "submit_training", lambda *_: job("x-1", "failed", message="Full."))
    code, out, _ = run(*words)
    assert code == 1
    assert "A title: failed. Full." in out
    assert "python -m cxrcore jobs resume x-1" in out


def test_a_weight_for_no_class_is_refused_and_one_for_a_class_is_3_if_left_out(
    run, hands, monkeypatch
):
    asked = []

    def submit(spec, *_):
        asked.append(spec.recipe)
        return job("x-1", "queued")

    monkeypatch.setattr(work, "submit_training", submit)
    words = ("train", "cnn-plain", "--data", "hands", "--background")
    code, _, err = run(*words, "--favour-weight", 5)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "without --favour. Give --favour as well" in err
    assert not asked
    for options in ((), ("--favour", "A"), ("--favour", "A", "--favour-weight", 5)):
        assert run(*words, *options)[0] == 0
    told = [(recipe.favoured_class, recipe.favoured_weight) for recipe in asked]
    assert told == [(None, 1.0), ("A", 3.0), ("A", 5.0)]


def test_an_explanation_is_written_as_a_picture(as_json, trained, tiny_dataset_folder, tmp_path):
    image = next(Path(tiny_dataset_folder).rglob("*.png"))
    out = tmp_path / "heat.png"
    told = as_json("explain", trained.run_id, image, "--method", "saliency", "--out", out)
    sides = [np.asarray(Image.open(file)).shape[:2] for file in (out, image)]
    assert sides[0] == sides[1] == (48, 48)
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_a_broken_picture_cannot_be_explained(run, trained, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    code, _, err = run("explain", trained.run_id, broken, "--out", tmp_path / "x.png")
    assert code == 2
    assert "broken.png" in err


def test_one_class_against_the_rest_is_one_option(run, as_json, tiny_dataset_folder, monkeypatch):
    asked = []

    def submit(spec, *_):
        asked.append(spec)
        now = datetime.now(UTC)
        return jobs.Job(
            job_id="x", kind="train", title="x", state="queued", created=now, dataset=spec.dataset
        )

    monkeypatch.setattr(work, "submit_training", submit)
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


def test_the_demonstration_waits_for_its_own_trainings_alone(run, monkeypatch):
    demo = job("demo", "done", dataset="demo", ticket=5)
    others = (("old", "demo", 4), ("own", "demo", 6), ("elsewhere", "hands", 7))
    listed = [job(name, "done", dataset=data, ticket=ticket) for name, data, ticket in others]
    known = {each.job_id: each for each in (demo, *listed)}
    monkeypatch.setattr(work, "submit_demo", lambda **_: demo)
    monkeypatch.setattr(jobs, "list_jobs", lambda: list(known.values()))
    monkeypatch.setattr("cxrcore.jobs.control.get", known.__getitem__)
    code, out, _ = run("demo", "--json")
    assert code == 0
    assert [each["job_id"] for each in json.loads(out)["jobs"]] == ["demo", "own"]


def test_a_dry_run_shows_columns_and_registers_nothing(run, as_json, tmp_path):
    for number in range(6):
        picture(tmp_path / "films" / f"{number}.png")
    rows = [[f"{number}.png", f"{number % 2}", f"{1 - number % 2}"] for number in range(6)]
    table(tmp_path / "x.csv", ["scan", "Mass", "Normal"], rows)
    code, out, _ = run("data", "add", "films", tmp_path, "--dry-run")
    assert code == 0
    assert re.search(r"scan +path +6 +0\.png \| 1\.png \| 2\.png", out)
    assert "films: 6 images, not registered (--dry-run)" in out
    assert "Next:" not in out
    seen = as_json("data", "add", "films", tmp_path, "--dry-run")
    assert (seen["classes"], seen["dry_run"]) == ({"Mass": 3, "Normal": 3}, True)
    assert [column["role"] for column in seen["tables"][0]["columns"]] == ["path", "label", "label"]
    assert datasets.registered() == []


def test_a_question_shows_the_columns(run, tmp_path):
    picture(tmp_path / "a" / "1.png")
    table(tmp_path / "x.csv", ["when", "grade"], [["2020", "3"]])
    code, out, err = run("data", "add", "films", tmp_path)
    assert code != 0
    assert re.search(r"grade +1 +3", out)
    assert "a table that is not used" in " ".join(err.split())
    assert datasets.registered() == []


def test_a_moved_dataset_is_found_again_without_measuring(as_json, hands, tiny_dataset_folder):
    as_json("index", "hands")
    moved = tiny_dataset_folder.rename(tiny_dataset_folder.with_name("elsewhere"))
    record = as_json("data", "move", "hands", moved)
    assert (record["images"], record["to_measure"]) == (36, 0)
    assert datasets.load("hands").root == moved
