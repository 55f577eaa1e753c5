"""What Compare and Live prediction say of runs that started from random weights, or are damaged."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, models, settings, store
from cxrcore.errors import StoreError
from cxrcore.inference import Prediction
from cxrcore.training import TrainSpec, plan, plan_series
from pages.shared import prediction_cache
from tests.helpers.app import component, open_compare, open_page, read
from tests.helpers.tested import answered, keep, of_spec

SENTENCE = "Started from random weights, not from the pretrained ones"
CHEXNET = models.get("chexnet").override(image_size=64, weights="random")


def texts(at: AppTest) -> list[str]:
    return [read(part.value) for part in (*at.main.markdown, *at.main.caption)]


def tables(at: AppTest) -> dict[str, tuple[str, str]]:
    """What the table of changes says: name -> here and published."""
    [found] = [t.value for t in at.main.table if "Other than published" in t.value]
    return {name: (here, was) for name, here, was in found.itertuples(index=False)}


# Random starts


def test_compare_marks_a_random_start_in_table_badge_tab_and_warning(tiny):
    run, plain = (
        of_spec(plan(CHEXNET, tiny), tiny),
        of_spec(plan(models.get("cnn-plain"), tiny), tiny),
    )
    at = open_compare()
    starts = at.dataframe[0].value.set_index("Id")["Starts from"]
    assert starts[run.run_id] == "⚠ random (published: CheXNet)"
    assert starts[plain.run_id] == "random"
    warnings = [read(warning.value) for warning in at.main.warning]
    assert [text for text in warnings if SENTENCE in text] == [
        f"**{store.title(run)}**: {store.random_start(run)}"
    ]
    matrices = {m["title"]: m for m in component(at, "cxr_matrices")["matrices"]}
    assert matrices[store.title(run)]["marks"] == ["random start"]
    assert matrices[store.title(run)]["hint"] == store.random_start(run)
    assert matrices[store.title(plain)]["marks"] == []
    assert {read(tab.label) for tab in at.tabs} == {
        f"{store.title(run)} (random start)",
        store.title(plain),
    }


def test_a_family_says_it_too_and_once(tiny):
    specs = plan_series(CHEXNET, tiny, folds=3)
    run, *_ = [of_spec(spec, tiny) for spec in specs]
    at = open_compare()
    said = [read(w.value) for w in at.main.warning if SENTENCE in w.value]
    title = store.titles("tiny")[specs[0].family]
    assert said == [f"**{title}**: {store.random_start(run)}"]
    [matrix] = component(at, "cxr_matrices")["matrices"]
    assert (matrix["title"], matrix["marks"]) == (title, ["random start"])
    assert matrix["hint"] == store.random_start(run)
    assert [read(tab.label) for tab in at.tabs] == [f"{title} (random start)"]
    assert at.dataframe[0].value["Starts from"].tolist() == ["⚠ random (published: CheXNet)"]


def test_live_prediction_says_it_without_being_asked(tiny, monkeypatch):
    run = of_spec(plan(CHEXNET, tiny), tiny)
    answer = Prediction(
        run_id=run.run_id, recipe="chexnet", classes=("A", "B", "C"), predicted="A",
        explained="A", probabilities=np.float32([0.5, 0.3, 0.2]),
        seen=np.zeros((64, 64), np.uint8),
        maps=dict.fromkeys(("grad-cam", "saliency"), np.zeros((64, 64), np.float32)),
    )  # fmt: skip
    monkeypatch.setattr(prediction_cache, "predict", lambda *_, **__: [answer])
    at = open_page("predict/live", image=tiny.table["image_id"].iloc[0])
    [row] = component(at, "cxr_live")["rows"]
    assert row["marks"] == ["random start"]
    assert store.random_start(run) in row["words"]
    assert row["hint"] == f"{run.run_id} · {store.random_start(run)}"


# How it was trained


CHANGED = {
    "image_size": 56,
    "region": "lungs-crop",
    "epochs": 14,
    "plateau": None,
    "best_by": "val_loss",
    "max_brisque": 70.0,
    "class_weights": "balanced",
    "favoured_class": "A",
    "favoured_weight": 3.0,
}
REMOVED = {"image_id": "i", "path": "A/i.png", "reason": "BRISQUE 81.2 is above 70.0"}


def changed_spec(dataset: datasets.Dataset, folds: int | None = None) -> list[TrainSpec]:
    """Of the recipe with CHANGED; `plan` would have the masks estimated, which the dataset lacks."""
    recipe = models.get("cnn-plain").override(**{**CHANGED, "region": "none"})
    specs = plan_series(recipe, dataset, folds=folds) if folds else [plan(recipe, dataset)]
    recipe = recipe.override(region="lungs-crop")
    return [spec.model_copy(update={"recipe": recipe}) for spec in specs]


EXPECTED = {
    "Region": ("Cropped to the lungs", "Whole picture"),
    "Image side": ("56 px", "192 px"),
    "Epochs": ("14", "50"),
    "Learning rate falls": (
        "never",
        r"÷10 after 3 epochs without a better validation accuracy",
    ),
    "Weights kept": ("of the epoch with the lowest validation loss", "of the last epoch"),
    "Rare classes count more": ("yes", "no"),
    "Class not to miss": ("A", "No class in particular"),
    "Its images count": ("3 times", "once"),
    "Highest BRISQUE score": ("70", "none"),
}


def test_what_differs_from_the_study_is_told_in_the_words_of_the_form(tiny):
    of_spec(changed_spec(tiny)[0], tiny)
    assert tables(open_compare()) == EXPECTED


def test_a_family_tells_the_same_and_notes_machine_and_images_left_out_once(tiny):
    runs = [
        of_spec(
            spec,
            tiny,
            notes=["A note."],
            removed=[REMOVED],
            epochs_run=epochs,
            precision="mixed_bfloat16",
            device="CPU: x86, 2 cores",
        )
        for spec, epochs in zip(changed_spec(tiny, folds=3), (9, 14, 11), strict=True)
    ]
    assert len(runs) == 3
    at = open_compare()
    assert tables(at) == EXPECTED
    assert texts(at).count("A note.") == 1
    [training] = [text for text in texts(at) if "at most 14 epochs" in text]
    assert "9 to 14 of at most 14 epochs" in training
    assert "starting weights random, mixed_bfloat16 on CPU: x86, 2 cores" in training
    assert "1 image left out of these runs" in [e.label for e in at.main.expander]
    [left_out] = [d.value for d in at.dataframe if "Reason" in d.value]
    assert left_out["File"].tolist() == ["A/i.png"]


def test_a_run_of_the_fast_schedule_says_so_in_one_line(tiny):
    of_spec(plan(models.get("cnn-plain").fast(), tiny), tiny)
    assert tables(open_compare()) == {"Schedule": ("Fast", "As published")}


def test_a_run_as_published_has_nothing_to_say_about_it(tiny):
    of_spec(plan(models.get("cnn-plain"), tiny), tiny)
    assert not open_compare().main.table


# Damaged runs and the trash


def test_a_damaged_run_can_be_deleted_where_it_is_reported(tiny):
    whole, run = (
        of_spec(plan(models.get("cnn-plain"), tiny), tiny),
        of_spec(plan(CHEXNET, tiny), tiny),
    )
    (run.folder / "model.keras").write_bytes(b"x")
    at = open_page("models/compare")
    assert any("is not shown" in warning.value for warning in at.main.warning)
    at.button(key=f"delete_damaged_{run.run_id}").click().run()
    assert not at.exception
    assert store.trashed() == [run.run_id]
    assert not any("is not shown" in warning.value for warning in at.main.warning)
    assert store.exists(whole.run_id)


def test_where_every_run_is_damaged_each_can_be_deleted(tiny):
    run = of_spec(plan(CHEXNET, tiny), tiny)
    copy = settings.models_dir() / f"{run.run_id} (copy)"
    shutil.copytree(run.folder, copy)
    (run.folder / "run.json").write_text("{")
    at = open_page("models/compare")
    for name in (run.run_id, copy.name):
        at.button(key=f"delete_damaged_{name}").click().run()
        assert not at.exception
    assert sorted(store.trashed()) == [run.run_id, copy.name]
    assert any("No model has been trained" in info.value for info in at.info)


def test_what_cannot_be_removed_from_the_trash_is_said(tiny, monkeypatch):
    run = of_spec(plan(CHEXNET, tiny), tiny)
    store.delete(run.run_id)

    def refuse() -> int:
        raise StoreError("1 of 1 deleted runs could not be removed.")

    monkeypatch.setattr(store, "empty_trash", refuse)
    at = open_page("models/compare")
    at.checkbox(key="sure_to_empty").check().run()
    at.button(key="empty_trash").click().run()
    assert not at.exception
    assert [read(error.value) for error in at.main.error] == [
        "1 of 1 deleted runs could not be removed."
    ]
    assert not any("is empty" in toast.value for toast in at.toast)
    assert not at.checkbox(key="sure_to_empty").value


def test_runs_of_other_classes_stand_side_by_side_each_under_its_own(tiny, make_tiny_dataset):
    """A folder was taken away and another came between two trainings."""
    recipe = models.get("cnn-plain").override(image_size=32)
    first = of_spec(plan(recipe, tiny), tiny)
    other = datasets.load(make_tiny_dataset(classes=("C", "D"), patients=2))
    other = dataclasses.replace(other, name="tiny")
    shares = answered(other, [0, 0, 1, 1, 1, 1], [0.9] * 6)
    second = keep(other, 9, shares)
    at = open_page("models/compare")
    assert any("No verdict" in warning.value for warning in at.warning)
    table = at.dataframe[0].value.set_index("Id")
    assert table.loc[second.run_id, "Recall D"] == 1
    assert pd.isna(table.loc[first.run_id, "Recall D"])
    assert pd.isna(table.loc[second.run_id, "Recall A"])
