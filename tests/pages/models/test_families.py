"""Families of runs on the pages: one row on Compare, folds in the form, one entry in the panel."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from cxrcore import jobs, models, splits, store, work
from cxrcore.metrics import evaluate
from cxrcore.training import plan_series
from tests.helpers.app import open_page, texts

PAGE = "models/compare"


def keep(spec, dataset, wrong: int) -> store.Run:
    """A run whose first `wrong` test images are called by the next class."""
    part = splits.assign(dataset.table, spec.split).assignment
    rows = dataset.table[(part == "test").to_numpy()]
    truth = rows["label"].map(list(spec.classes).index).to_numpy(int)
    called = np.where(np.arange(len(truth)) < wrong, (truth + 1) % 3, truth)
    shares = np.full((len(truth), 3), 0.1)
    shares[np.arange(len(truth)), called] = 0.8
    tested = evaluate(truth, shares, spec.classes)
    run = store.Run(
        run_id=spec.run_id, recipe=spec.recipe, dataset=spec.dataset, dataset_path="x",
        fingerprint=spec.fingerprint, classes=list(spec.classes), split=spec.split,
        grouping=spec.grouping, split_counts={"train": 20, "validation": 4, "test": len(truth)},
        group_key="patient", patients_known=1.0, split_note="Part 1. Divided by patient.",
        weights_used="random", versions={}, device="CPU", precision="float32", seconds=10.0,
        images_per_second=1.0, peak_memory_mb=1.0, parameters=1, epochs_run=1,
        stopped_because="all epochs are done", metrics={"validation": tested, "test": tested},
    )  # fmt: skip
    names = np.array(spec.classes)
    predictions = pd.DataFrame(
        {
            "image_id": rows["image_id"].to_numpy(object),
            "path": rows["path"].to_numpy(object),
            "split": "test",
            "label": names[truth],
            "predicted": names[called],
            **{f"p_{name}": np.float32(shares[:, k]) for k, name in enumerate(names)},
        }
    )
    history = pd.DataFrame([[1, 1, 0.5, 1, 0.5, 1e-3, 1]], columns=list(store.HISTORY_COLUMNS))
    features = np.zeros((len(truth), 2))
    return store.save(run, lambda path: path.write_bytes(b"w"), predictions, history, features, "")


@pytest.fixture
def specs(tiny):
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    return plan_series(recipe, tiny, folds=3)


def test_a_family_is_one_row_with_mean_spread_and_interval(tiny, specs):
    runs = [keep(spec, tiny, wrong) for wrong, spec in enumerate(specs)]
    at = open_page(PAGE)
    table = at.dataframe[0].value
    assert table["Run"].tolist() == [specs[0].family]
    assert table["Runs"].tolist() == ["3 of 3 folds"]
    accuracies = [run.metrics["test"].accuracy for run in runs]
    assert table["Accuracy"].tolist() == pytest.approx([np.mean(accuracies)])
    assert table["±"].tolist() == [f"{np.std(accuracies, ddof=1):.3f}"]
    assert table["Log loss"].tolist() == pytest.approx(
        [np.mean([r.metrics["test"].loss for r in runs])]
    )
    assert " to " in table["95 % interval"][0]
    assert "36 images" in texts(at)
    assert "missing" not in texts(at)


def test_the_runs_of_a_family_can_be_seen_one_by_one(tiny, specs):
    for wrong, spec in enumerate(specs):
        keep(spec, tiny, wrong)
    at = open_page(PAGE)
    listed = next(d.value for d in at.dataframe if "Fold" in d.value)
    assert listed["Fold"].tolist() == [1, 2, 3]
    assert listed["Run"].tolist() == [spec.run_id for spec in specs]
    at.toggle[0].set_value(True).run()
    assert not at.exception
    assert sorted(at.dataframe[0].value["Run"]) == sorted(spec.run_id for spec in specs)
    assert "±" not in at.dataframe[0].value


def test_a_link_to_a_run_of_a_family_opens_that_run(tiny, specs):
    for wrong, spec in enumerate(specs):
        keep(spec, tiny, wrong)
    at = open_page(PAGE, runs=specs[1].run_id)
    assert len(at.dataframe[0].value) == 3
    assert [tab.label for tab in at.tabs] == [specs[1].run_id]


def test_a_family_that_is_not_whole_says_how_many_are_missing(tiny, specs):
    for spec in specs[:2]:
        keep(spec, tiny, 1)
    at = open_page(PAGE)
    assert at.dataframe[0].value["Runs"].tolist() == ["2 of 3 folds"]
    assert "1 run of 3 missing" in texts(at)


def test_families_and_single_runs_stand_side_by_side(tiny, specs):
    for wrong, spec in enumerate(specs):
        keep(spec, tiny, wrong)
    [single] = plan_series(specs[0].recipe, tiny)
    keep(single, tiny, 0)
    at = open_page(PAGE)
    table = at.dataframe[0].value.set_index("Run")
    assert set(table.index) == {specs[0].family, single.run_id}
    assert table.loc[single.run_id, ["Runs", "±", "95 % interval"]].tolist() == ["1 run", "", ""]
    assert {tab.label for tab in at.tabs} == set(table.index)


def test_the_form_submits_every_fold_and_seed(tiny, monkeypatch):
    asked = []
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    monkeypatch.setattr(work, "submit_training", lambda spec, *_: asked.append(spec) or job)
    at = open_page(PAGE)
    at.number_input(key="folds").set_value(3).run()
    at.number_input(key="repeats").set_value(2).run()
    assert any("6 trainings ×" in caption.value for caption in at.sidebar.caption)
    assert at.button(key="train").label == "Train 6 models"
    at.button(key="train").click().run()
    assert not at.exception
    assert [(spec.split.fold, spec.split.folds) for spec in asked] == [(1, 3), (2, 3), (3, 3)] * 2
    first = asked[0].recipe.seed
    assert [spec.recipe.seed for spec in asked] == [first] * 3 + [first + 1] * 3
    assert len({spec.family for spec in asked}) == 1
    assert len({spec.run_id for spec in asked}) == 6


def test_a_family_is_one_entry_of_the_jobs(tiny, monkeypatch):
    values = {"kind": "train", "family": "f", "created": datetime.now(UTC)}
    listed = [
        jobs.Job(
            job_id=f"j{n}", title=f"Net on tiny, fold {n} of 3", part=f"fold {n} of 3",
            state=state, share=share, epoch=epoch, epochs=20, **values,
        )
        for n, state, share, epoch in ((1, "done", 1.0, 20), (2, "running", 0.5, 3), (3, "queued", 0, 0))
    ]  # fmt: skip
    stopped = []
    monkeypatch.setattr(jobs, "list_jobs", lambda: listed)
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")
    monkeypatch.setattr(jobs, "cancel", stopped.append)
    at = open_page(PAGE)
    shown = "\n".join(m.value for m in at.sidebar.markdown)
    assert "**Net on tiny**" in shown
    assert "fold 3 of 3" not in shown
    at.button(key="cancel_f").click().run()
    assert stopped == ["j3", "j2"]
