"""Families of runs on the pages: one row on Compare, folds in the form, one entry in the panel."""

from datetime import UTC, datetime

import numpy as np
import pytest

from cxrcore import jobs, models, work
from cxrcore.training import plan_series
from tests.helpers.app import open_compare, open_page, read, texts
from tests.helpers.tested import of_spec

PAGE = "models/compare"


@pytest.fixture
def specs(tiny):
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    return plan_series(recipe, tiny, folds=3)


def test_a_family_is_one_row_with_its_mean_and_interval(tiny, specs):
    runs = [of_spec(spec, tiny, wrong) for wrong, spec in enumerate(specs)]
    at = open_compare()
    table = at.dataframe[0].value
    assert table["Run"].tolist() == ["Plain CNN · 3 folds"]
    assert table["Id"].tolist() == [specs[0].family]
    assert table["Runs"].tolist() == ["3 of 3 folds"]
    accuracies = [run.metrics["test"].accuracy for run in runs]
    assert table["Accuracy"].tolist() == pytest.approx([np.mean(accuracies)])
    assert table["Log loss"].tolist() == pytest.approx(
        [np.mean([r.metrics["test"].loss for r in runs])]
    )
    summary = next(d.value for d in at.dataframe if "Spread" in d.value)
    row = summary.set_index("Metric").loc["Accuracy"]
    assert row["Spread"] == pytest.approx(np.std(accuracies, ddof=1))
    assert " to " in row["95 % interval"]
    assert "36 test images" in texts(at)
    assert "missing" not in texts(at)


def test_the_runs_of_a_family_can_be_seen_one_by_one(tiny, specs):
    for wrong, spec in enumerate(specs):
        of_spec(spec, tiny, wrong)
    at = open_compare()
    listed = next(d.value for d in at.dataframe if "Fold" in d.value)
    assert listed["Fold"].tolist() == [1, 2, 3]
    assert listed["Run"].tolist() == [spec.run_id for spec in specs]


def test_runs_of_different_folds_are_not_compared_silently(tiny, specs):
    for wrong, spec in enumerate(specs):
        of_spec(spec, tiny, wrong)
    at = open_page(PAGE)
    at.toggle(key="every_run").set_value(True).run()
    assert not at.exception
    assert "No film was tested by all of" in read(at.warning[0].value)
    assert at.dataframe[0].value["Rank"].tolist() == ["–"] * 3


def test_a_link_to_a_run_of_a_family_opens_that_run(tiny, specs):
    for wrong, spec in enumerate(specs):
        of_spec(spec, tiny, wrong)
    at = open_compare(runs=specs[1].run_id)
    assert at.dataframe[0].value["Id"].tolist() == [specs[1].run_id]
    assert len(at.multiselect[0].options) == 3


def test_a_family_that_is_not_whole_says_how_many_are_missing(tiny, specs):
    for spec in specs[:2]:
        of_spec(spec, tiny, 1)
    at = open_page(PAGE)
    assert at.dataframe[0].value["Runs"].tolist() == ["2 of 3 folds"]
    assert "1 run of 3 missing" in texts(at)


def test_families_and_single_runs_stand_side_by_side(tiny, specs):
    for wrong, spec in enumerate(specs):
        of_spec(spec, tiny, wrong)
    [single] = plan_series(specs[0].recipe, tiny)
    of_spec(single, tiny, 0)
    at = open_compare()
    table = at.dataframe[0].value.set_index("Id")
    assert set(table.index) == {specs[0].family, single.run_id}
    assert table.loc[single.run_id, "Runs"] == "1 run"
    assert len(at.tabs) == 2


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
