"""Runs in the store with test predictions on a real dataset, without a training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrcore import models, splits, store
from cxrcore.datasets import Dataset
from cxrcore.metrics import evaluate
from cxrcore.splits import SplitSpec
from cxrcore.training import TrainSpec


def keep(
    dataset: Dataset,
    number: int,
    shares: np.ndarray,
    rows: Sequence[int] | None = None,
    parts: Sequence[str] | str = "test",
    write: Callable[[Path], object] | None = lambda path: path.write_bytes(b"w"),
    features: np.ndarray | None = None,
    **changes: object,
) -> store.Run:
    """A run `cnn-plain-<number>` that was tested on images of a dataset.

    Args:
        dataset: measured or not.
        number: makes the run's id.
        shares: (n, k) probability of each class, a row an image.
        rows: (n,) places of the images in the dataset's table; None for its first n.
        parts: (n,) of the split, or the one of all.
        write: writes its network; by default none that can be used.
        features: (n, d) what its last layer sees; None for nothing.
        changes: fields of the run.
    """
    table = dataset.table.iloc[range(len(shares)) if rows is None else rows]
    classes = list(dataset.classes)
    truth = table["label"].map(classes.index).to_numpy(int)
    tested = evaluate(truth, shares, classes)
    values = {
        "run_id": f"cnn-plain-{number:08x}", "recipe": models.get("cnn-plain").override(image_size=32),
        "dataset": dataset.name, "dataset_path": "x", "fingerprint": dataset.fingerprint,
        "classes": classes, "split": SplitSpec(), "split_note": "Divided by patient.",
        "split_counts": {"train": 20, "validation": 4, "test": len(truth)}, "group_key": "patient",
        "patients_known": 1.0, "weights_used": "random", "versions": {}, "device": "CPU",
        "precision": "float32", "seconds": 10.0, "images_per_second": 1.0, "peak_memory_mb": 1.0,
        "parameters": 1, "epochs_run": 1, "stopped_because": "all epochs are done",
        "metrics": {"validation": tested, "test": tested},
    }  # fmt: skip
    run = store.Run(**(values | changes))
    names = np.array(classes)
    predictions = pd.DataFrame(
        {
            "image_id": table["image_id"].to_numpy(object),
            "path": table["path"].to_numpy(object),
            "split": parts,
            "label": names[truth],
            "predicted": names[shares.argmax(axis=1)],
            **{f"p_{name}": np.float32(shares[:, k]) for k, name in enumerate(classes)},
        }
    )
    history = pd.DataFrame([[1, 1, 0.5, 1, 0.5, 1e-3, 1]], columns=list(store.HISTORY_COLUMNS))
    seen = np.zeros((len(truth), 2)) if features is None else features
    return store.save(run, write, predictions, history, seen, "")


def divided(
    dataset: Dataset,
    number: int,
    sure: float,
    parts: Sequence[str] | None = None,
    **changes: Any,
) -> store.Run:
    """A run whose every second film is for validation, right the more often the surer.

    `changes` as for `keep`.
    """
    n, k = len(dataset.table), len(dataset.classes)
    truth = dataset.table["label"].map(list(dataset.classes).index).to_numpy()
    noise = np.random.default_rng(number).dirichlet(np.ones(k), n)
    split = np.where(np.arange(n) % 2, "test", "validation") if parts is None else parts
    shares = sure * np.eye(k)[truth] + (1 - sure) * noise
    return keep(dataset, number, shares, parts=split, **changes)


def of_division(dataset: Dataset, division: pd.Series) -> store.Run:
    """A run that was tested on the test films of a division."""
    rows = np.flatnonzero(division.reindex(dataset.table["image_id"]).to_numpy() == "test")
    k = len(dataset.classes)
    return keep(dataset, 9, np.random.default_rng(9).dirichlet(np.ones(k), len(rows)), rows)


def answered(dataset: Dataset, called: Sequence[int], sure: Sequence[float]) -> np.ndarray:
    """(n, k) probabilities with `sure` for the class `called`, the rest divided evenly."""
    k = len(dataset.classes)
    called, sure = np.asarray(called), np.asarray(sure, float)
    shares = np.repeat(((1 - sure) / (k - 1))[:, None], k, axis=1)
    shares[np.arange(len(called)), called] = sure
    return shares


def of_spec(spec: TrainSpec, dataset: Dataset, wrong: int = 0, **changes: object) -> store.Run:
    """The run of a training that nobody did: its first `wrong` test images get the next class.

    All answers are sure to 0.8; `changes` are fields of the run.
    """
    part = splits.assign(dataset.table, spec.split).assignment
    rows = np.flatnonzero((part == "test").to_numpy())
    truth = dataset.table.iloc[rows]["label"].map(list(spec.classes).index).to_numpy(int)
    called = np.where(np.arange(len(rows)) < wrong, (truth + 1) % len(spec.classes), truth)
    return keep(
        dataset,
        0,
        answered(dataset, called, np.full(len(rows), 0.8)),
        rows,
        run_id=spec.run_id,
        recipe=spec.recipe,
        fingerprint=spec.fingerprint,
        split=spec.split,
        grouping=spec.grouping,
        **({"weights_used": spec.recipe.weights, "notes": list(spec.notes)} | changes),
    )
