"""The page of operating points: what catching a class costs."""

import numpy as np
import pytest

from cxrcore import store, thresholds
from tests.helpers import tested
from tests.helpers.app import component, open_page, texts

PAGE = "models/thresholds"


@pytest.fixture
def two(tiny):
    runs = tested.divided(tiny, 1, 0.5), tested.divided(tiny, 2, 0.2)
    for run, title in zip(runs, ("Good", "Poor"), strict=True):
        store.annotate(run.run_id, title=title)
    return runs


def opened(**query: str):
    return open_page(PAGE, dataset="tiny", **query)


def test_without_a_run_the_page_says_how_to_get_one(tiny):
    assert "Train a model" in texts(opened())


def test_table_sentence_and_matrices_are_those_of_the_package(two):
    at = opened()
    classes = two[0].classes
    found = {run.run_id: thresholds.operating_point(run, classes[0], 0.95) for run in two}
    [table] = [frame.value for frame in at.dataframe if "Called from" in frame.value]
    by_title = table.set_index("Run")
    for run, title in zip(two, ("Good", "Poor"), strict=True):
        point = found[run.run_id]
        assert by_title.loc[title, "Called from"] == pytest.approx(point.choice.threshold)
        assert by_title.loc[title, "Recall"] == pytest.approx(point.cost.recall.value)
    able = [r for r in two if found[r.run_id].cost.recall.high >= 0.95]
    fewest = max(able, key=lambda r: found[r.run_id].cost.specificity.value)
    best, title = found[fewest.run_id], "Good" if fewest is two[0] else "Poor"
    assert thresholds.sentence(best, title, best.prevalence) in texts(at)
    assert thresholds.promise(best.choice, classes[0]) in texts(at)
    matrices = {m["title"]: m["counts"] for m in component(at, "cxr_matrices")["matrices"]}
    assert matrices["Poor"] == found[two[1].run_id].cost.confusion.tolist()


def test_the_recall_wanted_moves_thresholds_and_matrices(two):
    at = opened()
    before = component(at, "cxr_matrices")["matrices"]
    at.slider(key="recall_wanted").set_value(60).run()
    assert not at.exception
    after = component(at, "cxr_matrices")["matrices"]
    point = thresholds.operating_point(two[1], two[1].classes[0], 0.6)
    [poor] = [m["counts"] for m in after if m["title"] == "Poor"]
    assert poor == point.cost.confusion.tolist()
    assert before != after


def test_thresholds_are_saved_with_the_runs_and_removed_again(two):
    at = opened()
    label = two[0].classes[0]
    [use] = [b for b in at.button if b.label == "Use in live prediction"]
    use.click().run()
    assert not at.exception
    for run in two:
        point = thresholds.operating_point(run, label, 0.95)
        assert store.annotation(run.run_id).thresholds == {label: point.choice.threshold}
    assert "In use in live prediction" in texts(at)
    [stop] = [b for b in at.button if b.label == "Stop using"]
    stop.click().run()
    assert store.annotation(two[0].run_id).thresholds == {}


def test_a_run_without_validation_films_is_named_and_the_others_stay(tiny, two):
    run = tested.divided(tiny, 3, 0.5, parts="test")
    store.annotate(run.run_id, title="Tested only")
    at = opened()
    assert "Tested only" in texts(at)
    assert "without looking at the test films" in texts(at)
    [table] = [frame.value for frame in at.dataframe if "Called from" in frame.value]
    assert set(table["Run"]) == {"Good", "Poor"}


def test_a_run_that_answers_all_films_alike_but_for_rounding_has_neither_threshold_nor_curve(tiny):
    shares = np.full((len(tiny.table), 3), 1 / 3) + np.linspace(0, 4e-7, len(tiny.table))[:, None]
    split = np.where(np.arange(len(tiny.table)) % 2, "test", "validation")
    tested.keep(tiny, 4, shares, parts=split)
    at = opened()
    assert "no threshold tells them apart" in texts(at)
    assert "the same probability of A, 0.333, so there is no curve" in texts(at)
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("kind", ["Precision and recall", "Calibration", "Net benefit"])
def test_every_kind_of_curve_is_drawn(kind, two):
    assert len(opened(curve=kind).get("plotly_chart")) == 1


def test_curves_of_all_classes_stand_side_by_side(two):
    at = opened(curve="Net benefit")
    at.toggle(key="curve_of_all").set_value(True).run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == len(two[0].classes)


def test_a_cell_opens_its_films(two):
    run, at = two[0], opened()
    at.session_state["threshold_cell"] = (run.run_id, run.classes[0], run.classes[0])
    at.run()
    assert not at.exception
    point = thresholds.operating_point(run, run.classes[0], 0.95)
    caught = int(point.cost.confusion[0, 0])
    shown = component(at, "cxr_thumbnails")["groups"][0]["items"]
    assert len(shown) == caught > 0
    assert f"{caught} film" in texts(at)


def test_temperatures_are_fitted_on_validation_films_used_and_taken_back(two):
    at = opened(curve="Calibration")
    at.segmented_control(key="calibration").set_value("After temperature scaling").run()
    assert not at.exception
    [table] = [frame.value for frame in at.dataframe if "Temperature" in frame.value]
    by_title = table.set_index("Run")
    for run, title in zip(two, ("Good", "Poor"), strict=True):
        assert by_title.loc[title, "Temperature"] == pytest.approx(thresholds.temperature(run))
        store.annotate(run.run_id, thresholds={run.classes[0]: 0.4})
    next(b for b in at.button if b.label == "Calibrate live prediction").click().run()
    said = store.annotation(two[0].run_id)
    assert said.temperature == pytest.approx(thresholds.temperature(two[0]))
    assert said.thresholds == {}  # they were chosen for other probabilities
    next(b for b in at.button if b.label == "As trained again").click().run()
    assert not at.exception
    assert store.annotation(two[0].run_id).temperature is None
