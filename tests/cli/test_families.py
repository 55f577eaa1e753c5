"""Several trainings from the command line: one row, one progress, one interval."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from cxrcore import jobs, models, store
from cxrcore.cli import families
from cxrcore.datasets import load
from cxrcore.metrics import evaluate
from cxrcore.splits import SplitSpec
from cxrcore.training import plan_series

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def keep(spec, right: int) -> store.Run:
    """A run of four test images, of which `right` are called rightly."""
    truth = np.array([0, 0, 1, 1])
    called = np.where(np.arange(4) < right, truth, 1 - truth)
    tested = evaluate(truth, np.eye(2)[called], ["A", "B"])
    run = store.Run(
        run_id=spec.run_id, recipe=spec.recipe, dataset=spec.dataset, dataset_path="x",
        fingerprint=spec.fingerprint, classes=list(spec.classes), split=spec.split,
        grouping=spec.grouping, split_counts={"train": 16, "validation": 2, "test": 4},
        group_key="patient", patients_known=1.0, split_note="", weights_used="random",
        versions={}, device="CPU", precision="float32", seconds=10.0, images_per_second=1.0,
        peak_memory_mb=1.0, parameters=1, epochs_run=1, stopped_because="all epochs are done",
        metrics={"validation": tested, "test": tested},
    )  # fmt: skip
    predictions = pd.DataFrame(
        {
            "image_id": [f"{spec.run_id}{n}" for n in range(4)],
            "path": "x.png",
            "split": "test",
            "label": np.array(["A", "B"])[truth],
            "predicted": np.array(["A", "B"])[called],
            "p_A": np.float32(called == 0),
            "p_B": np.float32(called == 1),
        }
    )
    history = pd.DataFrame([[1, 1, 0.5, 1, 0.5, 1e-3, 1]], columns=list(store.HISTORY_COLUMNS))
    return store.save(
        run, lambda path: path.write_bytes(b"w"), predictions, history, np.zeros((4, 2)), ""
    )


@pytest.fixture
def specs(make_tiny_dataset):
    """Two folds of a recipe with two seeds."""
    dataset = load(make_tiny_dataset("two", classes=("A", "B")))
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    return plan_series(recipe, dataset, folds=2, repeats=2)


def test_a_family_is_one_row_and_with_all_every_run_is(specs, run):
    for spec, right in zip(specs, (2, 3, 3, 4), strict=True):
        keep(spec, right)
    [family] = {spec.family for spec in specs}
    code, out, _ = run("runs")
    assert code == 0
    [row] = [line for line in out.splitlines() if "family" in line]
    # Runs 2, 3, 3 and 4 of 4: sd 0.2041; fold means 0.625 and 0.875, so the interval is all.
    assert "4 of 4 (2 folds, 2 seeds)" in row
    assert "0.7500 ± 0.2041" in row
    assert "0.000 to 1.000" in row
    assert len(out.splitlines()) == 2
    single = run("runs", "--all")[1]
    assert family not in single
    assert all(spec.run_id in single for spec in specs)


def test_json_has_the_families_and_the_runs(specs, run):
    for spec in specs[:2]:
        keep(spec, 3)
    told = json.loads(run("runs", "--json")[1])
    assert len(told["runs"]) == 2
    [family] = told["families"]
    assert (family["runs"], family["wanted"], family["folds"]) == (2, 2, 2)
    assert family["run_ids"] == [spec.run_id for spec in specs[:2]]
    assert family["accuracy_low"] is None


def test_a_single_run_is_a_row_of_its_own(specs, run, make_tiny_dataset):
    keep(specs[0].model_copy(update={"split": SplitSpec()}), 3)
    told = json.loads(run("runs", "--json")[1])
    assert told["families"] == []
    assert "family" not in run("runs")[1]


def test_training_a_family_that_is_there_prints_mean_spread_and_interval(specs, run, capsys):
    for spec, right in zip(specs, (2, 3, 3, 4), strict=True):
        keep(spec, right)
    families.train_all(specs, background=False, as_json=False)
    out = capsys.readouterr().out
    assert "4 of 4 (2 folds, 2 seeds)" in out
    assert "0.750" in out
    assert "0.204" in out
    families.train_all(specs, background=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["accuracy"]["mean"] == 0.75
    assert [job["state"] for job in told["jobs"]] == ["done"] * 4


def test_a_family_that_started_from_random_weights_says_so_in_its_row_and_at_its_end(
    specs, run, capsys, monkeypatch
):
    for spec in specs:
        keep(spec, 3)
    assert "random" not in run("runs")[1]
    assert json.loads(run("runs", "--json")[1])["families"][0]["random_start"] is None
    monkeypatch.setattr(store, "random_start", lambda run: f"Random: {run.dataset}.")
    header, row, note = run("runs")[1].splitlines()
    assert "weights" in header
    assert "! random" in row
    assert note == "! random: Random: two."
    assert json.loads(run("runs", "--json")[1])["families"][0]["random_start"] == "Random: two."
    families.train_all(specs, background=False, as_json=False)
    assert "Random: two." in capsys.readouterr().out.splitlines()
    families.train_all(specs, background=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["summary"]["random_start"] == "Random: two."


@pytest.mark.slow
def test_training_with_folds_leaves_a_run_a_fold_that_tests_every_image_once(
    run, tiny_dataset_folder
):
    words = ("train", "cnn-plain", "--data", tiny_dataset_folder, "--size", 32, "--epochs", 1)
    code, out, err = run(*words, "--folds", 2, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["summary"]["runs"] == told["summary"]["wanted"] == 2
    tested = [
        image
        for run_id in told["summary"]["run_ids"]
        for image in store.load_run(run_id).predictions().query("split == 'test'")["image_id"]
    ]
    assert sorted(tested) == sorted(load(tiny_dataset_folder).table["image_id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--folds", 11), "2 to 10 folds"),
        (("--folds", 0), "2 to 10 folds"),
        (("--repeats", 0), "Repeats must be 1 to 20"),
        (("--folds", 10, "--repeats", 6), "60 trainings"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(run, tiny_dataset_folder, words, said):
    code, _, err = run("train", "cnn-plain", "--data", tiny_dataset_folder, *words)
    assert code == 2
    assert said in err


def job(number: int, state: str, **changes: object) -> jobs.Job:
    values = {"job_id": f"j{number}", "kind": "train", "title": "x", "created": NOW}
    return jobs.Job(**values | {"state": state, "part": f"fold {number} of 5"} | changes)


def test_the_line_tells_fold_epoch_and_the_time_left_for_all():
    # 60 s took the first; the second needs 30 s more, three wait: 30 + 3 * 60 s.
    first = job(1, "done", started=NOW, finished=NOW + timedelta(seconds=60), share=1.0)
    second = job(2, "running", epoch=3, epochs=20, share=0.5, eta_seconds=30.0, started=NOW)
    told = jobs.family_progress([first, second, *(job(n, "queued") for n in (3, 4, 5))])
    assert families._line(told) == "fold 2 of 5, epoch 3 of 20, about 4 min left for all"
    assert told.share == pytest.approx(0.3)
    assert (told.done, told.failed, told.total) == (1, 0, 5)


def test_before_any_is_done_the_one_that_works_tells_how_long_all_take():
    # 20 s so far and 40 s left: 60 s each.
    values = {"started": NOW, "heartbeat": NOW + timedelta(seconds=20), "eta_seconds": 40.0}
    told = jobs.family_progress([job(1, "running", share=0.3, **values), job(2, "queued")])
    assert told.eta_seconds == pytest.approx(100)
    assert jobs.family_progress([job(1, "running"), job(2, "queued")]).eta_seconds is None


def test_two_at_once_take_half_as_long():
    done = job(1, "done", started=NOW, finished=NOW + timedelta(seconds=60))
    both = [job(n, "running", share=0.5, eta_seconds=30.0) for n in (2, 3)]
    told = jobs.family_progress([done, *both, job(4, "queued"), job(5, "queued")])
    assert told.eta_seconds == pytest.approx((30 + 30 + 120) / 2)


def test_failed_and_cancelled_ones_are_counted_and_end_the_waiting():
    told = jobs.family_progress([job(1, "done"), job(2, "failed"), job(3, "cancelled")])
    assert (told.done, told.failed, told.active) == (1, 2, False)
