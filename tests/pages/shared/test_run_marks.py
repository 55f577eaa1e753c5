"""What Compare and Live prediction say of runs that started from random weights, or are damaged."""

import shutil

import numpy as np
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, models, settings, store
from cxrcore.errors import StoreError
from cxrcore.inference import Prediction
from cxrcore.metrics import evaluate
from cxrcore.training import TrainSpec, plan, plan_series
from pages.predict.live import prediction_cache
from tests.helpers.app import open_page
from tests.helpers.runs import kept, made_up

SENTENCE = "Started from random weights, not from the pretrained ones"
CHEXNET = models.get("chexnet").override(image_size=64, weights="random")


def keep(spec: TrainSpec, **changes: object) -> store.Run:
    """A run of a training that nobody did."""
    truth = [0, 0, 1, 1, 2, 2]
    tested = evaluate(truth, np.eye(3)[truth] * 0.7 + 0.1, list(spec.classes))
    values = {
        "run_id": spec.run_id,
        "recipe": spec.recipe,
        "dataset": spec.dataset,
        "fingerprint": spec.fingerprint,
        "classes": list(spec.classes),
        "split": spec.split,
        "grouping": spec.grouping,
        "weights_used": spec.recipe.weights,
        "metrics": {"validation": tested, "test": tested},
        "leaks": None,
        "notes": list(spec.notes),
    }
    history = [[1, 1, 0.5, 1, 0.5, 1e-3, 1]]
    run = made_up(**(values | changes))
    return kept(run, lambda path: path.write_bytes(b"w"), history)


def texts(at: AppTest) -> list[str]:
    return [part.value for part in (*at.main.markdown, *at.main.caption)]


def tables(at: AppTest) -> dict[str, tuple[str, str]]:
    """What the table of changes says: name -> here and published."""
    [found] = [t.value for t in at.main.table if "Other than published" in t.value]
    return {name: (here, was) for name, here, was in found.itertuples(index=False)}


# Random starts


def test_compare_marks_a_random_start_in_table_badge_tab_and_warning(tiny):
    run, plain = keep(plan(CHEXNET, tiny)), keep(plan(models.get("cnn-plain"), tiny))
    at = open_page("models/compare")
    starts = at.dataframe[0].value.set_index("Run")["Starts from"]
    assert starts[run.run_id] == "⚠ random (published: CheXNet)"
    assert starts[plain.run_id] == "random"
    warnings = [warning.value for warning in at.main.warning]
    assert [text for text in warnings if SENTENCE in text] == [
        f"**{run.run_id}**: {store.random_start(run)}"
    ]
    badged = [text for text in texts(at) if "random start" in text]
    assert [run.run_id in text for text in badged] == [True]
    [headline] = [m for m in at.main.markdown if "random start" in m.value]
    assert headline.help == store.random_start(run)
    assert {tab.label for tab in at.tabs} == {f"{run.run_id} (random start)", plain.run_id}


def test_a_family_says_it_too_and_once(tiny):
    specs = plan_series(CHEXNET, tiny, folds=3)
    run, *_ = [keep(spec) for spec in specs]
    at = open_page("models/compare")
    said = [w.value for w in at.main.warning if SENTENCE in w.value]
    assert said == [f"**{specs[0].family}**: {store.random_start(run)}"]
    [headline] = [m for m in at.main.markdown if "random start" in m.value]
    assert specs[0].family in headline.value
    assert headline.help == store.random_start(run)
    assert [tab.label for tab in at.tabs] == [f"{specs[0].family} (random start)"]
    assert at.dataframe[0].value["Starts from"].tolist() == ["⚠ random (published: CheXNet)"]


def test_live_prediction_says_it_without_being_asked(tiny, monkeypatch):
    run = keep(plan(CHEXNET, tiny))
    answer = Prediction(
        run_id=run.run_id, recipe="chexnet", classes=("A", "B", "C"), predicted="A",
        explained="A", probabilities=np.float32([0.5, 0.3, 0.2]),
        seen=np.zeros((64, 64), np.uint8),
        maps=dict.fromkeys(("grad-cam", "saliency"), np.zeros((64, 64), np.float32)),
    )  # fmt: skip
    monkeypatch.setattr(prediction_cache, "predict", lambda *_: [answer])
    at = open_page("predict/live", image=tiny.table["image_id"].iloc[0])
    assert store.random_start(run) in [caption.value for caption in at.main.caption]
    [headline] = [m for m in at.main.markdown if "random start" in m.value]
    assert headline.help == store.random_start(run)


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
    """Of the recipe with CHANGED; `plan` would take the masks away, which the dataset lacks."""
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
    keep(changed_spec(tiny)[0])
    assert tables(open_page("models/compare")) == EXPECTED


def test_a_family_tells_the_same_and_notes_machine_and_images_left_out_once(tiny):
    runs = [
        keep(
            spec,
            notes=["A note."],
            removed=[REMOVED],
            epochs_run=epochs,
            precision="mixed_bfloat16",
            device="CPU: x86, 2 cores",
        )
        for spec, epochs in zip(changed_spec(tiny, folds=3), (9, 14, 11), strict=True)
    ]
    assert len(runs) == 3
    at = open_page("models/compare")
    assert tables(at) == EXPECTED
    assert texts(at).count("A note.") == 1
    [training] = [text for text in texts(at) if "at most 14 epochs" in text]
    assert "9 to 14 of at most 14 epochs" in training
    assert "starting weights random, mixed_bfloat16 on CPU: x86, 2 cores" in training
    assert "1 image left out of these runs" in [e.label for e in at.main.expander]
    [left_out] = [d.value for d in at.dataframe if "Reason" in d.value]
    assert left_out["File"].tolist() == ["A/i.png"]


def test_a_run_of_the_fast_schedule_says_so_in_one_line(tiny):
    keep(plan(models.get("cnn-plain").fast(), tiny))
    assert tables(open_page("models/compare")) == {"Schedule": ("Fast", "As published")}


def test_a_run_as_published_has_nothing_to_say_about_it(tiny):
    keep(plan(models.get("cnn-plain"), tiny))
    assert not open_page("models/compare").main.table


# Damaged runs and the trash


def test_a_damaged_run_can_be_deleted_where_it_is_reported(tiny):
    whole, run = keep(plan(models.get("cnn-plain"), tiny)), keep(plan(CHEXNET, tiny))
    (run.folder / "model.keras").write_bytes(b"x")
    at = open_page("models/compare")
    assert any("is not shown" in warning.value for warning in at.main.warning)
    at.button(key=f"delete_damaged_{run.run_id}").click().run()
    assert not at.exception
    assert store.trashed() == [run.run_id]
    assert not any("is not shown" in warning.value for warning in at.main.warning)
    assert store.exists(whole.run_id)


def test_where_every_run_is_damaged_each_can_be_deleted(tiny):
    run = keep(plan(CHEXNET, tiny))
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
    run = keep(plan(CHEXNET, tiny))
    store.delete(run.run_id)

    def refuse() -> int:
        raise StoreError("1 of 1 deleted runs could not be removed.")

    monkeypatch.setattr(store, "empty_trash", refuse)
    at = open_page("models/compare")
    at.checkbox(key="sure_to_empty").check().run()
    at.button(key="empty_trash").click().run()
    assert not at.exception
    assert [error.value for error in at.main.error] == ["1 of 1 deleted runs could not be removed."]
    assert not any("is empty" in toast.value for toast in at.toast)
    assert not at.checkbox(key="sure_to_empty").value


def test_runs_of_other_classes_stand_side_by_side_each_under_its_own(tiny):
    """A folder was taken away and another came between two trainings."""
    recipe = models.get("cnn-plain").override(image_size=32)
    keep(plan(recipe, tiny))
    two = evaluate([0, 0, 1, 1], np.eye(2)[[0, 1, 1, 1]] * 0.8 + 0.1, ["C", "D"])
    other = plan(recipe.override(seed=9), tiny)
    keep(other, classes=["C", "D"], metrics={"validation": two, "test": two})
    at = open_page("models/compare")
    [table] = [frame.value for frame in at.dataframe if "Recall A" in frame.value]
    row = table.set_index("Run").loc[other.run_id]
    assert (row["Recall C"], row["Recall D"]) == (0.5, 1)
    assert row[["Recall A", "Recall B"]].isna().all()
