import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrcore import duplicates, files, models, settings, store
from cxrcore.errors import StoreError
from cxrcore.metrics import evaluate
from cxrcore.splits import Leak, Leaks, SplitSpec
from cxrcore.store import record, run_names
from tests.helpers.runs import RUN, made_up

CLASSES = ["A", "B"]


def make_run(run_id: str = RUN, **changes: object) -> store.Run:
    metrics = evaluate([0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], CLASSES)
    values = {
        "run_id": run_id,
        "recipe": models.get("cnn-plain"),
        "dataset": "hospital",
        "classes": CLASSES,
        "split_counts": {"train": 10, "validation": 2, "test": 4},
        "metrics": {"validation": metrics, "test": metrics},
        "leaks": None,
    }
    return made_up(**(values | changes))


def tables() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    predictions = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "path": ["A/a.png", "A/b.png", "B/c.png"],
            "split": ["validation", "test", "test"],
            "label": ["A", "A", "B"],
            "predicted": ["A", "B", "B"],
            "p_A": np.float32([0.9, 0.4, 0.2]),
            "p_B": np.float32([0.1, 0.6, 0.8]),
        }
    )
    history = pd.DataFrame(
        [[1, 0.9, 0.5, 1.0, 0.4, 1e-3, 2.0], [2, 0.5, 0.8, 0.7, 0.6, 1e-3, 1.5]],
        columns=list(store.HISTORY_COLUMNS),
    )
    return predictions, history, np.arange(6, dtype=np.float32).reshape(3, 2)


def write_model(path: Path) -> None:
    path.write_bytes(b"weights" * 100)


def keep(run_id: str = RUN, **changes: object) -> store.Run:
    return store.save(make_run(run_id, **changes), write_model, *tables(), "line\n")


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Saving and loading


def test_a_saved_run_comes_back_as_it_was():
    saved = keep()
    loaded = store.load_run(RUN)
    assert loaded == saved
    assert loaded.recipe == models.get("cnn-plain")
    predictions, history, embeddings = tables()
    pd.testing.assert_frame_equal(loaded.predictions(), predictions)
    pd.testing.assert_frame_equal(loaded.history(), history)
    assert loaded.predictions()["p_A"].dtype == np.float32
    assert loaded.embeddings().dtype == np.float16
    assert (loaded.embeddings() == embeddings).all()
    assert loaded.log() == "line\n"
    assert loaded.model_path().read_bytes() == b"weights" * 100
    assert loaded.folder == settings.models_dir() / RUN


def test_features_beyond_float16_stay_finite():
    predictions, history, embeddings = tables()
    run = store.save(make_run(), write_model, predictions, history, embeddings * 1e6, "")
    assert np.isfinite(run.embeddings()).all()


def test_saving_the_same_run_twice_keeps_the_first():
    keep()
    again = store.save(make_run(seconds=99.0), write_model, *tables(), "other\n")
    assert again.seconds == 12.5
    assert again.log() == "line\n"


def test_a_damaged_run_makes_way_for_a_new_one_and_can_be_looked_at_in_the_trash():
    run = keep()
    (run.folder / "model.keras").unlink()
    assert keep().model_path().exists()
    assert store.trashed() == [RUN]


@pytest.mark.parametrize("moment", ["model", "tables"])
def test_a_full_disk_leaves_nothing_behind(moment, monkeypatch, own_folders):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def half_a_model(path: Path) -> None:
        path.write_bytes(b"half")
        full()

    if moment == "tables":
        monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.save(
            make_run(), half_a_model if moment == "model" else write_model, *tables(), "line\n"
        )
    assert visible(own_folders.models) == []
    assert not store.exists(RUN)


def test_an_interruption_while_saving_leaves_nothing_behind(own_folders):
    def interrupted(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.save(make_run(), interrupted, *tables(), "")
    assert visible(own_folders.models) == []


def test_what_a_killed_process_left_is_swept_at_the_next_save(own_folders):
    old = own_folders.models / f".{RUN}.abc"
    old.mkdir(parents=True)
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    young = own_folders.models / f".{RUN}.def"
    young.mkdir()
    keep()
    assert visible(own_folders.models) == [f".{RUN}.def", RUN]


@pytest.mark.parametrize("wrong", ["predictions", "history", "embeddings"])
def test_tables_that_do_not_belong_to_the_run_are_refused(wrong, own_folders):
    predictions, history, embeddings = tables()
    if wrong == "predictions":
        predictions = predictions.drop(columns="p_B")
    elif wrong == "history":
        history = history.rename(columns={"loss": "Loss"})
    else:
        embeddings = embeddings[:2]
    with pytest.raises(StoreError, match=wrong):
        store.save(make_run(), write_model, predictions, history, embeddings, "")
    assert not own_folders.models.exists()


# Damage


def test_a_run_that_is_not_there_is_named_with_those_that_are():
    keep()
    with pytest.raises(StoreError, match=rf"no run 'resnet'.*{RUN}"):
        store.load_run("resnet")


@pytest.mark.parametrize("name", ["", "..", "../secret", "/etc", "a/b", ".trash"])
def test_a_name_never_leads_out_of_the_store(name, own_folders):
    own_folders.models.mkdir()
    for use in (store.load_run, store.exists, store.delete, store.restore):
        with pytest.raises(StoreError, match="no run"):
            use(name)


@pytest.mark.parametrize(
    "name",
    ["model.keras", "predictions.parquet", "history.csv", "embeddings.npy", "log.txt", "run.json"],
)
def test_a_changed_file_is_reported_and_the_run_is_not_used(name):
    run = keep()
    path = run.folder / name
    content = path.read_bytes()
    path.write_bytes(content.replace(b"2.5", b"2.6") if name == "run.json" else b"x" + content[1:])
    [row] = store.list_runs().to_dict("records")
    assert row["state"].startswith(name)
    assert "train it again" in row["state"]
    assert not store.exists(RUN)
    with pytest.raises(StoreError, match=rf"{RUN} is damaged\. {name}"):
        store.load_run(RUN)


def test_a_model_that_was_changed_with_its_time_kept_is_still_not_loaded():
    run = keep()
    path = run.folder / "model.keras"
    before = path.stat()
    path.write_bytes(b"W" + path.read_bytes()[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    files_seen_before = store.load_run(RUN)  # a listing cannot see it
    with pytest.raises(StoreError, match=r"model\.keras is not the file that was saved"):
        files_seen_before.model_path()


@pytest.mark.parametrize("name", ["model.keras", "predictions.parquet", "run.json"])
def test_a_byte_changed_after_the_first_use_with_its_time_set_back_is_noticed(name, tmp_path):
    run = keep()
    path = store.export(RUN, tmp_path / "before") and run.folder / name  # all files were read
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StoreError, match=r"not the file that was saved|is damaged"):
        store.export(RUN, tmp_path / "after")
    assert not (tmp_path / "after" / RUN).exists()


def test_a_file_that_vanishes_after_the_run_was_loaded_is_a_store_error():
    run = keep()
    (run.folder / "predictions.parquet").unlink()
    with pytest.raises(StoreError, match=r"predictions\.parquet cannot be read"):
        run.predictions()


def test_damaged_folders_are_listed_with_what_to_do(own_folders):
    keep("cnn-plain-00000001")
    models = own_folders.models
    (models / "cnn-five-00000002").mkdir()
    (models / "cnn-five-00000003").mkdir()
    (models / "cnn-five-00000003" / "run.json").write_text('{"run_id": "cnn-five-00000003"')
    (models / "cnn-five-00000004").mkdir()
    (models / "cnn-five-00000004" / "run.json").write_text('{"run_id": "cnn-five-00000004"}')
    keep("cnn-plain-00000005").folder.rename(models / "copy")
    (models / "README.md").write_text("not a run")
    odd = keep("cnn-plain-00000006").folder / "run.json"
    odd.write_text(odd.read_text().replace('"test": 0.2', '"test": 0.9'))
    assert '"test": 0.9' in odd.read_text()
    states = store.list_runs().set_index("run_id")["state"]
    assert states["cnn-plain-00000001"] == "ok"
    assert "run.json is missing" in states["cnn-five-00000002"]
    assert "run.json is damaged" in states["cnn-five-00000003"]
    assert "run.json is damaged: recipe" in states["cnn-five-00000004"]
    assert "holds the run cnn-plain-00000005" in states["copy"]
    assert "The share for test must be" in states["cnn-plain-00000006"]
    assert len(states) == 6
    assert [run.run_id for run in store.runs()] == ["cnn-plain-00000001"]


def test_a_damaged_folder_can_be_deleted(own_folders):
    (own_folders.models / "half").mkdir(parents=True)
    store.delete("half")
    assert store.list_runs().empty


def test_a_copied_store_is_as_good_as_the_first(own_folders):
    """`cp -r` gives every file another time; its content decides then."""
    run = keep()
    recorded = run.stamps["model.keras"]
    for path in run.folder.iterdir():
        os.utime(path)
    assert store.load_run(RUN).model_path().exists()
    assert (run.folder / "model.keras").stat().st_mtime_ns == recorded[1]


# Listing


def test_an_empty_store_lists_no_runs_in_the_usual_columns():
    table = store.list_runs()
    assert table.empty
    assert {"run_id", "recipe", "accuracy", "macro_f1", "ece", "state"} <= set(table.columns)


def test_a_listing_has_the_numbers_of_the_test_images():
    run = keep()
    [row] = store.list_runs().to_dict("records")
    assert row["accuracy"] == run.metrics["test"].accuracy == 0.75
    assert row["macro_f1"] == run.metrics["test"].macro.f1
    assert (row["recall[A]"], row["recall[B]"]) == (1.0, 0.5)
    assert row["classes"] == CLASSES
    assert not any(isinstance(value, str) and value[:1] in "[{" for value in row.values())
    assert (row["parameters"], row["epochs_run"], row["state"]) == (1234, 2, "ok")
    assert (row["weights_used"], row["synthetic"]) == ("random", False)


def test_the_newest_run_is_listed_first_and_a_dataset_can_be_chosen():
    keep("cnn-plain-00000001", created="2026-01-01T00:00:00+00:00")
    keep("cnn-plain-00000002", created="2026-03-01T00:00:00+00:00", dataset="other")
    keep("cnn-plain-00000003", created="2026-02-01T00:00:00+00:00")
    assert [name[-1] for name in store.list_runs()["run_id"]] == ["2", "3", "1"]
    assert [name[-1] for name in store.list_runs("hospital")["run_id"]] == ["3", "1"]


LEAKS = Leaks(
    test_images=4,
    found=(Leak(image_id="b", partner="t", why="patient"),),
    patients_known=1.0,
    duplicates_searched=True,
)


def test_a_listing_tells_how_many_test_images_leak_and_where_nobody_looked():
    keep("cnn-plain-00000001", leaks=LEAKS, created="2026-01-03T00:00:00+00:00")
    none = LEAKS.model_copy(update={"found": ()})
    keep("cnn-plain-00000002", leaks=none, created="2026-01-02T00:00:00+00:00")
    keep("cnn-plain-00000003", created="2026-01-01T00:00:00+00:00")
    column = store.list_runs()["leaking"]
    assert column.tolist()[:2] == [1, 0]
    assert column.isna().tolist() == [False, False, True]


def test_leaks_and_the_figures_without_them_come_back():
    clean = make_run().metrics["test"]
    run = keep(leaks=LEAKS, metrics_clean=clean)
    assert store.load_run(RUN).leaks == run.leaks == LEAKS
    assert store.load_run(RUN).metrics_clean == clean


def test_a_run_of_before_duplicates_were_looked_for_loads_and_says_that_it_ignored_them():
    run = keep()
    path, seal = run.folder / "run.json", run.folder / "run.digest"
    old = json.loads(path.read_text())
    del old["split"]["duplicates"], old["leaks"], old["metrics_clean"]
    path.write_text(json.dumps(old))
    seal.write_text(files.digest(path))
    loaded = store.load_run(RUN)
    assert loaded.split == SplitSpec(duplicates="ignored")
    assert (loaded.leaks, loaded.metrics_clean) == (None, None)


# Deleting, restoring, exporting


def test_a_deleted_run_can_be_restored():
    run = keep()
    store.delete(RUN)
    assert not store.exists(RUN)
    assert store.list_runs().empty
    assert store.trashed() == [RUN]
    store.restore(RUN)
    assert store.load_run(RUN) == run
    assert store.trashed() == []


def test_the_last_of_several_deleted_runs_is_restored_first():
    for seconds in (1.0, 2.0):
        keep(seconds=seconds)
        store.delete(RUN)
    store.restore(RUN)
    assert store.load_run(RUN).seconds == 2.0
    with pytest.raises(StoreError, match="Delete it first"):
        store.restore(RUN)
    assert store.empty_trash() == 1
    store.delete(RUN)
    store.empty_trash()
    with pytest.raises(StoreError, match="it holds nothing"):
        store.restore(RUN)


def test_an_exported_run_can_be_put_into_another_store(tmp_path, monkeypatch):
    keep()
    place = store.export(RUN, tmp_path / "out")
    with pytest.raises(StoreError, match="exists"):
        store.export(RUN, tmp_path / "out")
    monkeypatch.setenv("CXR_MODELS", str(place.parent))
    assert store.load_run(RUN).log() == "line\n"


# Names


def test_the_name_of_a_run_follows_from_what_decides_its_weights():
    recipe, split = models.get("cnn-plain"), SplitSpec()
    name = store.run_id(recipe, "f" * 16, split, CLASSES)
    assert name == store.run_id(recipe.model_copy(), "f" * 16, SplitSpec(), tuple(CLASSES))
    assert name.startswith("cnn-plain-")
    assert len(name) == len("cnn-plain-") + 8
    others = {
        store.run_id(recipe.override(seed=1), "f" * 16, split, CLASSES),
        store.run_id(recipe.override(epochs=1), "f" * 16, split, CLASSES),
        store.run_id(recipe, "e" * 16, split, CLASSES),
        store.run_id(recipe, "f" * 16, SplitSpec(seed=1), CLASSES),
        store.run_id(recipe, "f" * 16, SplitSpec(duplicates="ignored"), CLASSES),
        store.run_id(recipe, "f" * 16, split, CLASSES[::-1]),
        store.run_id(recipe, "f" * 16, split, CLASSES, "0" * 16),
    }
    assert len(others | {name}) == 8


def test_a_run_is_still_found_when_the_search_for_duplicates_improves(monkeypatch):
    recipe, split = models.get("cnn-plain"), SplitSpec()
    before = store.run_id(recipe, "f" * 16, split, CLASSES)
    monkeypatch.setattr(duplicates, "VERSION", duplicates.VERSION + 1)
    assert store.run_id(recipe, "f" * 16, split, CLASSES) == before
    monkeypatch.setattr(duplicates, "DIVISION", duplicates.DIVISION + 1)
    assert store.run_id(recipe, "f" * 16, split, CLASSES) != before


def test_a_corrected_citation_does_not_lose_a_trained_run():
    recipe, split = models.get("cnn-plain"), SplitSpec()
    corrected = recipe.model_copy(update={"citation": "corrected", "title": "Another"})
    assert store.run_id(recipe, "f", split) == store.run_id(corrected, "f", split)


def test_using_the_store_imports_neither_tensorflow_nor_scikit_learn(own_folders):
    keep()
    code = (
        f"import sys; from cxrcore import store; run = store.load_run({RUN!r}); "
        "run.predictions(); run.model_path(); store.list_runs(); "
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=settings.ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_listing_digests_no_model(monkeypatch):
    keep()
    seen = []
    real = files.digest
    monkeypatch.setattr(files, "digest", lambda path: seen.append(path.name) or real(path))
    store.list_runs()
    store.exists(RUN)
    assert "model.keras" not in seen


# Families


def test_a_family_is_what_is_the_same_but_for_seed_and_fold():
    recipe = models.get("cnn-plain")

    def name(grouping: str = "g", recipe: models.Recipe = recipe, **split: object) -> str:
        return store.family_id(recipe, "f" * 16, SplitSpec(**split), CLASSES, grouping)

    first = name(fold=1, folds=5)
    assert first == name(fold=4, folds=5)
    assert first == name(fold=2, folds=5, recipe=recipe.override(seed=9))
    # Neither the share of the test part nor the published split counts in a cross-validation.
    assert first == name(fold=2, folds=5, test=0.3, published=False)
    others = [
        name(),
        name(test=0.3),
        name(fold=1, folds=4),
        name(fold=1, folds=5, seed=1),
        name(fold=1, folds=5, grouping="h"),
        name(fold=1, folds=5, recipe=recipe.override(epochs=3)),
    ]
    assert len({first, *others}) == 7


def test_a_split_without_folds_names_the_run_as_it_did_before_there_were_any():
    recipe = models.get("cnn-plain")
    assert "fold" not in SplitSpec().model_dump_json(exclude_none=True)
    names = {
        store.run_id(recipe, "f" * 16, SplitSpec(fold=fold, folds=3), CLASSES) for fold in (1, 2, 3)
    }
    assert len(names | {store.run_id(recipe, "f" * 16, SplitSpec(), CLASSES)}) == 4


def test_families_are_listed_with_their_members_and_the_newest_of_a_fold():
    for number, (fold, created) in enumerate(
        ((1, "2026-01-01"), (2, "2026-01-02"), (1, "2026-01-03"))
    ):
        keep(f"cnn-plain-{number:08x}", split=SplitSpec(fold=fold, folds=3), created=created)
    keep("cnn-plain-aaaaaaaa", created="2025-01-01")
    keep("cnn-plain-bbbbbbbb", created="2025-01-01", imported="weights.h5")
    table = store.families("hospital").set_index("runs")
    assert sorted(table.index) == [1, 1, 2]
    row = table.loc[2]
    assert (row["wanted"], row["folds"], row["seeds"]) == (3, 3, 1)
    assert row["run_ids"] == ["cnn-plain-00000002", "cnn-plain-00000001"]
    assert (row["accuracy"], row["seconds"]) == (0.75, 25.0)
    assert np.isnan(row["accuracy_low"])  # both runs agree
    assert [run.run_id for run in store.members(row["family"])] == row["run_ids"]
    listed = store.list_runs().set_index("run_id")
    assert listed["family"]["cnn-plain-00000000"] == row["family"]
    assert listed["fold"]["cnn-plain-00000001"] == 2
    assert listed["family"]["cnn-plain-bbbbbbbb"] == "cnn-plain-bbbbbbbb"
    assert store.families("elsewhere").empty


def test_folds_of_before_a_version_was_raised_do_not_complete_a_new_family(monkeypatch):
    def named(fold: int) -> store.Run:
        split = SplitSpec(fold=fold, folds=2)
        name = store.run_id(models.get("cnn-plain"), "f" * 16, split, CLASSES)
        return keep(name, split=split)

    first = named(1)
    before = store.family_of(first)
    monkeypatch.setattr(record, "TRAINING_VERSION", record.TRAINING_VERSION + 1)
    monkeypatch.setattr(run_names, "TRAINING_VERSION", record.TRAINING_VERSION)
    second = named(2)
    assert store.family_of(first) not in (before, store.family_of(second))
    assert store.families()["runs"].tolist() == [1, 1]


def test_runs_of_before_folds_load_and_are_families_of_one():
    run = keep()
    record = json.loads((run.folder / "run.json").read_text())
    for name in ("grouping", "imported"):
        record.pop(name, None)
    for name in ("fold", "folds"):
        record["split"].pop(name)
    old = store.Run.model_validate(record)
    assert old.split == SplitSpec()
    assert old.grouping == ""
