"""Duplicates and leaks: what the page shows, and the mark of runs that leak."""

import shutil
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets, duplicates, index, jobs, models, store, training, work
from cxrcore.inference import Prediction
from cxrcore.metrics import evaluate
from cxrcore.splits import SplitSpec, assign, leaks, overlap
from pages.data.duplicates import duplicates_cache
from pages.shared import prediction_cache, run_marks
from tests.helpers.app import component, metrics, open_compare, open_page, read, texts

PAGE = "data/duplicates"


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch):
    """Jobs of these tests have no folder, so no log either."""
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")


@pytest.fixture
def leaking(tiny_dataset_folder, tmp_path):
    """A published split whose test part has a film of a trained patient and two copies, registered.

    The copies are JPEGs under a patient of their own; one stands in another class.
    """
    folder = tmp_path / "leaking"
    for file in sorted(tiny_dataset_folder.glob("*/*.png")):
        patient, film = int(file.stem[:8]) % 1000, int(file.stem[9:])
        part = "test" if patient in (0, 2) or (patient, film) == (1, 1) else "train"
        place = folder / part / file.parent.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    for source, target in (
        ("A/00000006_000", "A/00000906_000"),
        ("B/00001006_000", "C/00002906_000"),
    ):
        Image.open(tiny_dataset_folder / f"{source}.png").save(
            folder / "test" / f"{target}.jpg", quality=95
        )
    shutil.copy(tiny_dataset_folder / "A/00000004_000.png", folder / "train" / "A" / "again.png")
    dataset = datasets.register("leaking", folder)
    index.measure(dataset)
    return dataset


@pytest.fixture
def searched(leaking):
    """The same with its duplicates searched."""
    return leaking, duplicates.find(leaking, index.load(leaking))


def keep_run(dataset, found, **changes) -> store.Run:
    """A run on the published split, without a training."""
    spec = training.plan(models.get("cnn-plain").override(image_size=32, epochs=1), dataset)
    assignment = assign(dataset.table, spec.split, found.groups).assignment
    counted = leaks.find(dataset.table, assignment, found.groups)
    measured = evaluate([0, 1, 2], np.eye(3), spec.classes)
    record = spec.model_dump(exclude={"notes"}) | {
        "run_id": spec.run_id, "split_counts": {"train": 20, "validation": 5, "test": 10},
        "group_key": "patient+duplicates", "patients_known": 1.0, "split_note": "",
        "weights_used": "random", "versions": {}, "device": "CPU", "precision": "float32",
        "seconds": 1.0, "images_per_second": 1.0, "peak_memory_mb": 1.0, "parameters": 1,
        "epochs_run": 1, "stopped_because": "", "metrics": {"test": measured}, "leaks": counted,
        "metrics_clean": measured if counted.count else None,
        "removed": [{"image_id": "0" * 32, "path": "A/gone.png", "reason": "BRISQUE 80.0"}],
    } | changes  # fmt: skip
    predictions = pd.DataFrame(
        {
            "image_id": dataset.table["image_id"].astype("str"),
            "path": dataset.table["path"].astype("str"),
            "split": assignment.to_numpy(),
            "label": dataset.table["label"].astype("str"),
            "predicted": dataset.table["label"].astype("str"),
            **{f"p_{name}": np.float32(1 / 3) for name in spec.classes},
        }
    )
    predictions = predictions[predictions["split"] != "train"]
    history = pd.DataFrame([[1, 1, 0.5, 1, 0.5, 1e-3, 1]], columns=list(store.HISTORY_COLUMNS))
    embeddings = np.zeros((len(predictions), 2))
    run = store.Run.model_validate(record)
    return store.save(run, lambda p: p.write_bytes(b""), predictions, history, embeddings, "")


# --- searching ------------------------------------------------------------------------------


@pytest.fixture
def submitted(monkeypatch):
    """What was asked for; nothing is really started."""
    asked: list[tuple] = []
    running: list[jobs.Job] = []

    def submit(name: str, other: str | None = None) -> jobs.Job:
        asked.append((name, other))
        both = f"duplicates-{name}-WITH-{other}" if other else f"duplicates-{name}"
        job = jobs.Job(
            job_id=both, kind="duplicates", title="Searching", dataset=name, state="running",
            stage="comparing images", message="9 of 36", created=datetime.now(UTC),
        )  # fmt: skip
        running[:] = [job]
        return job

    monkeypatch.setattr(work, "submit_duplicates", submit)
    monkeypatch.setattr(jobs, "list_jobs", lambda: list(running))
    return asked


def test_before_the_search_the_page_offers_it_and_then_follows_it(leaking, submitted):
    at = open_page(PAGE)
    assert "Nobody has searched leaking for duplicates" in texts(at)
    next(b for b in at.main.button if b.label == "Search duplicates").click().run()
    assert not at.exception
    assert submitted == [("leaking", None)]
    assert "search for duplicates is running" in texts(at)


# --- what is there --------------------------------------------------------------------------


def test_copies_groups_and_leaks_are_counted(searched):
    assert searched[1].groups.nunique() == 2
    at = open_page(PAGE)
    assert metrics(at) == {
        "Exact copies excluded": "1",
        "Groups of duplicates": "2",
        "Images in these groups": "4",
        "Groups with different classes": "1",
    }
    said = texts(at)
    # Of each class one film of a trained patient, and two copies.
    assert "5 of 11 test images (45 %) are known from training or validation: 3 by the" in said
    assert "By the published split, which trainings here keep" in said
    assert "marked wherever their figures appear" in said
    table = at.table[0].value
    assert table["Split"].tolist() == [
        "Ordinary: by image", "Published (trainings here)", "By patient and duplicate",
    ]  # fmt: skip
    assert table["Leaking test images"].tolist()[1:] == ["5 (45 %)", "0 (0 %)"]


def test_groups_whose_labels_differ_come_first_and_are_flagged(searched):
    dataset, found = searched
    kept = duplicates_cache.groups(dataset, found)
    assert kept.groups["label"].tolist() == [True, False]
    assert kept.groups["split"].tolist() == [True, True]
    first = kept.members[kept.members["group"] == kept.groups.index[0]]
    assert sorted(first["label"]) == ["B", "C"]
    assert set(kept.pairs["first_label"]) | set(kept.pairs["second_label"]) == {"A", "B", "C"}
    shown = next(
        c for c in open_page(PAGE).main.get("segmented_control") if c.key == "groups_shown"
    )
    assert shown.options[:2] == ["All", "Different classes"]


def test_a_kind_of_groups_can_be_chosen(searched):
    at = open_page(PAGE)
    at.segmented_control(key="groups_shown").set_value("Different classes").run()
    assert not at.exception
    assert "1 group." in texts(at)


def test_a_dataset_without_duplicates_says_so(tiny_dataset_folder):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    duplicates.find(dataset, index.measure(dataset))
    said = texts(open_page(PAGE))
    assert "No two different files show the same film." in said
    assert "No test image shares a patient or a duplicate with training or validation." in said
    assert "no other dataset yet" in said


def test_a_dataset_too_small_to_be_divided_says_so_and_shows_the_rest(make_tiny_dataset):
    dataset = datasets.register("small", make_tiny_dataset("small", patients=2))
    duplicates.find(dataset, index.measure(dataset))
    said = texts(open_page(PAGE))
    assert "too small to be divided" in said
    assert "No two different files" in said


def test_the_splits_are_divided_once_and_not_at_every_rerun(searched, monkeypatch):
    at = open_page(PAGE)
    monkeypatch.setattr(leaks, "would_leak", lambda *_: pytest.fail("divided again"))
    at.run()
    assert not at.exception


# --- another dataset ------------------------------------------------------------------------


@pytest.fixture
def other(make_tiny_dataset):
    """A dataset of the same films as tiny."""
    dataset = datasets.register("other", make_tiny_dataset("other"))
    index.measure(dataset)
    return dataset


def test_another_dataset_is_compared_when_the_button_is_pressed(searched, other, submitted):
    at = open_page(PAGE, dataset="leaking", compared_with="other")
    next(b for b in at.main.button if b.label == "Compare leaking with other").click().run()
    assert submitted == [("leaking", "other")]
    assert "being compared" in texts(at)


def test_images_shared_with_another_dataset_are_counted(searched, other):
    dataset, _ = searched
    overlap.find(dataset, index.load(dataset), other, index.load(other))
    at = open_page(PAGE, dataset="leaking", compared_with="other")
    assert "38 images of leaking (100.0%) are also in other" in texts(at)
    assert "36 of them as the same file" in texts(at)


# --- marks ----------------------------------------------------------------------------------


def test_a_leaking_run_is_marked_in_table_warning_matrix_report_and_curves(searched):
    run = keep_run(*searched)
    at = open_compare()
    assert at.dataframe[0].value["Leaks"].tolist() == ["⚠ 5 images"]
    [warning] = at.warning
    assert "5 of 11 test images (45 %)" in warning.value
    assert "**1.000** on the 3 images that do not leak" in warning.value
    [matrix] = component(at, "cxr_matrices")["matrices"]
    assert (matrix["title"], matrix["marks"]) == (store.title(run), ["leaks"])
    assert [read(tab.label) for tab in at.tabs] == [f"{store.title(run)} (leaks)"]
    assert any("The 5 test images known from training" in e.label for e in at.expander)


def test_live_does_not_say_of_a_leaking_test_image_that_it_was_never_seen(searched, monkeypatch):
    run = keep_run(*searched)
    whys = [run_marks.known_by(run, leak.image_id) for leak in run.leaks.found]
    assert sorted(whys) == ["a duplicate"] * 2 + ["its patient"] * 3
    clean = set(run.predictions()["image_id"]) - set(run.leaks.image_ids)
    assert {run_marks.known_by(run, image_id) for image_id in clean} == {None}
    answer = Prediction(
        run_id=run.run_id, recipe="cnn-plain", classes=tuple(run.classes), predicted="A", explained="A",
        probabilities=np.float32([0.5, 0.3, 0.2]), seen=np.zeros((32, 32), np.uint8),
        maps=dict.fromkeys(("grad-cam", "saliency"), np.zeros((32, 32), np.float32)),
    )  # fmt: skip
    monkeypatch.setattr(prediction_cache, "predict", lambda *_, **__: [answer])
    at = open_page("predict/live", image=run.leaks.found[0].image_id)
    assert "but known from training or validation by" in texts(at)
    assert "never seen" not in texts(at)
    assert component(at, "cxr_live")["rows"][0]["marks"] == ["leaks"]


def test_a_run_without_leaks_has_no_mark_but_says_that_it_was_checked(searched):
    dataset, found = searched
    none = leaks.Leaks(test_images=10, patients_known=1.0, duplicates_searched=True)
    keep_run(dataset, found, leaks=none, metrics_clean=None)
    at = open_compare()
    assert at.dataframe[0].value["Leaks"].tolist() == ["none"]
    assert not at.warning
    assert component(at, "cxr_matrices")["matrices"][0]["marks"] == []
    assert "No test image shares a patient or a duplicate" in texts(at)


def test_a_run_of_before_leaks_were_counted_says_that_it_was_not_checked(searched):
    keep_run(*searched, leaks=None, metrics_clean=None)
    at = open_compare()
    assert at.dataframe[0].value["Leaks"].tolist() == ["not checked"]
    assert "was not checked" in texts(at)


def test_the_images_that_a_run_left_out_are_listed_with_the_reason(searched):
    keep_run(*searched)
    at = open_compare()
    assert any(e.label == "1 image left out of this run" for e in at.expander)
    listed = next(d.value for d in at.dataframe if "Reason" in d.value)
    assert listed.to_dict("list") == {"File": ["A/gone.png"], "Reason": ["BRISQUE 80.0"]}


def test_the_form_divides_as_chosen(searched):
    dataset, _ = searched
    at = open_page(PAGE)
    spec = training.plan(models.get("cnn-plain"), dataset)
    at.checkbox(key="published_leaking").uncheck().run()
    at.selectbox(key="split_leaking").set_value("Nothing: by image").run()
    assert not at.exception
    asked: list[training.TrainSpec] = []
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    wanted = SplitSpec(published=False, group="image", duplicates="ignored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "submit_training", lambda s, *_: asked.append(s) or job)
        patch.setattr(store, "exists", lambda run_id: False)
        at.button(key="train").click().run()
    assert asked[0].split == wanted
    assert asked[0].run_id != spec.run_id
