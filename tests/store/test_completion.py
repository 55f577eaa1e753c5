"""Runs that were saved before a metric was known get it from their predictions."""

import json

import numpy as np
import pandas as pd
import pytest

from cxrcore import files, settings, store
from cxrcore.metrics import METRICS, Metric, evaluate
from cxrcore.splits import Leak, Leaks
from cxrcore.store import check
from cxrcore.store.completion import FOLDER
from cxrcore.store.record import RECORD
from tests.helpers.runs import made_up

CLASSES = ["A", "B", "C"]
BY_0_4 = {"n", "accuracy", "loss", "classes", "macro", "weighted", "confusion"}
ROW_BY_0_4 = {"name", "precision", "recall", "f1", "support"}
LEAK = Leaks(
    test_images=40,
    found=(Leak(image_id="i3", partner="x", why="patient"),),
    patients_known=1.0,
    duplicates_searched=True,
)


def keep(number: int = 0) -> store.Run:
    """A run of 20 validation and 40 test images, one of which leaks."""
    rng = np.random.default_rng(number)
    truth = rng.integers(0, 3, 60)
    shares = np.float32(rng.dirichlet(np.ones(3), 60))
    part = np.repeat(["test", "validation"], [40, 20])
    ids = np.array([f"i{place}" for place in range(60)])
    of = {p: evaluate(truth[part == p], shares[part == p], CLASSES) for p in set(part)}
    clean = (part == "test") & (ids != "i3")
    run = made_up(
        run_id=f"cnn-plain-{number:08x}",
        classes=CLASSES,
        metrics=of,
        leaks=LEAK,
        metrics_clean=evaluate(truth[clean], shares[clean], CLASSES),
    )
    names = np.array(CLASSES)
    predictions = {"image_id": ids, "path": ids, "split": part, "label": names[truth]}
    table = pd.DataFrame(predictions | {"predicted": names[shares.argmax(1)]})
    for place, name in enumerate(CLASSES):
        table[f"p_{name}"] = shares[:, place]
    history = pd.DataFrame([[1] * 7], columns=list(store.HISTORY_COLUMNS))
    return store.save(
        run, lambda path: path.write_bytes(b"w"), table, history, np.zeros((60, 2)), ""
    )


def age(run: store.Run) -> None:
    """Make the record what version 0.4 wrote of it, and seal it."""
    record = run.folder / RECORD
    values = json.loads(record.read_bytes())
    parts = [*values["metrics"].values(), values["metrics_clean"]]
    for metrics in parts:
        rows = [*metrics["classes"], metrics["macro"], metrics["weighted"]]
        for given, known in ((metrics, BY_0_4), *((row, ROW_BY_0_4) for row in rows)):
            for name in given.keys() - known:
                del given[name]
    record.write_text(json.dumps(values))
    (run.folder / check.SEAL).write_text(files.digest(record))


def kept() -> list[str]:
    return sorted(path.name for path in (settings.models_dir() / FOLDER).glob("*"))


def test_a_run_of_version_0_4_has_every_metric_of_a_new_one():
    new = keep()
    assert kept() == []  # its record has all of them
    age(new)
    old = store.load_run(new.run_id)
    assert old.metrics == new.metrics
    assert old.metrics_clean == new.metrics_clean
    assert old.metrics["test"].value("macro_auc") is not None


def test_its_record_stays_and_predictions_are_read_once_for_all_processes(monkeypatch):
    run = keep()
    age(run)
    sealed = (run.folder / RECORD).read_bytes()
    first = store.list_runs()
    assert len(kept()) == 1
    assert (run.folder / RECORD).read_bytes() == sealed
    check._completed.cache_clear()  # as in another process
    monkeypatch.setattr(store.Run, "predictions", lambda run: pytest.fail("read again"))
    pd.testing.assert_frame_equal(store.list_runs(), first)
    assert first["run_id"].tolist() == [run.run_id]  # what is kept is not taken for a run


@pytest.mark.parametrize("content", [b"", b"[]", b'{"test": 3}', b'{"test": {"n": 1}}'])
def test_a_kept_file_that_is_damaged_is_made_again(content):
    run = keep()
    age(run)
    [name] = (store.load_run(run.run_id), kept())[1]
    (settings.models_dir() / FOLDER / name).write_bytes(content)
    check._completed.cache_clear()
    assert store.load_run(run.run_id).metrics == run.metrics


def test_recorded_values_are_never_replaced_by_recomputed_ones():
    run = keep()
    age(run)
    record = run.folder / RECORD
    values = json.loads(record.read_bytes())
    values["metrics"]["test"]["loss"] = 9.0
    record.write_text(json.dumps(values))
    (run.folder / check.SEAL).write_text(files.digest(record))
    test = store.load_run(run.run_id).metrics["test"]
    assert test.loss == 9.0
    assert test.value("brier") == run.metrics["test"].value("brier")


def test_a_store_that_cannot_be_written_to_lists_all_the_same(monkeypatch):
    age(keep())

    def refuse(*_: object) -> None:
        raise store.writer.StoreError("read only")

    monkeypatch.setattr(files, "write_json", refuse)
    assert store.list_runs()["macro_auc"].notna().all()


def test_a_metric_added_later_is_in_the_table_of_runs_and_families(monkeypatch):
    run = keep()
    keep(1)
    added = Metric(
        name="mean_confidence",
        title="Mean confidence",
        symbol="Confidence",
        basis="predictions",
        compute=lambda truth, shares: shares.max(axis=1).mean(),
        meaning="How sure the model is.",
    )
    monkeypatch.setitem(METRICS, added.name, added)
    table = store.list_runs().set_index("run_id")
    predictions = run.predictions()
    test = predictions[predictions["split"] == "test"]
    wanted = test[[f"p_{name}" for name in CLASSES]].max(axis=1).mean()
    assert table.loc[run.run_id, added.name] == pytest.approx(wanted)
    [family] = store.families().to_dict("records")  # both runs are of one seed: the newer counts
    assert family[added.name] in table[added.name].tolist()
