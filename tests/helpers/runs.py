"""Runs that nobody trained, for tests of what is done with a run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrcore import models, store
from cxrcore.metrics import evaluate
from cxrcore.splits import Leak, Leaks, SplitSpec

RUN = "cnn-plain-0123abcd"
CLASSES = ["COVID | 19", "Normal"]


def made_up(**changes: object) -> store.Run:
    """A run whose test figures are 8 of 10 right: 3 of 4 and 5 of 6; one test image leaks."""
    truth = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    second = np.array([0.1, 0.2, 0.3, 0.6, 0.9, 0.8, 0.7, 0.6, 0.4, 0.9])
    metrics = evaluate(truth, np.stack([1 - second, second], axis=1), CLASSES)
    leak = Leak(image_id="patient-8", partner="patient-9", why="duplicate")
    values = {
        "run_id": RUN,
        "recipe": models.get("cnn-plain").override(image_size=32),
        "dataset": 'the "big" one',
        "dataset_path": "/secret/place",
        "fingerprint": "f" * 16,
        "classes": CLASSES,
        "split": SplitSpec(),
        "split_counts": {"train": 70, "validation": 9, "test": 10},
        "group_key": "patient",
        "patients_known": 0.5,
        "split_note": "Split by patient.",
        "weights_used": "random",
        "removed": [{"image_id": "patient-7", "path": "x/patient-7.png", "reason": "flat"}],
        "versions": {"keras": "3"},
        "device": "CPU",
        "precision": "float32",
        "seconds": 12.5,
        "images_per_second": 33.0,
        "peak_memory_mb": 700.0,
        "parameters": 1234,
        "epochs_run": 2,
        "stopped_because": "all epochs are done",
        "metrics": {"validation": metrics, "test": metrics},
        "leaks": Leaks(test_images=10, found=(leak,), patients_known=0.5, duplicates_searched=True),
        "notes": ["A note."],
    }
    return store.Run(**(values | changes))


def kept(
    run: store.Run, write: Callable[[Path], object], history: Sequence[object] = ()
) -> store.Run:
    """The run in the store, with a model that `write` writes and predictions that fit its matrix."""
    names, k = np.array(run.classes), len(run.classes)
    cells = np.repeat(np.arange(k * k), np.ravel(run.metrics["test"].confusion))
    table = pd.DataFrame({"image_id": [f"i{place}" for place in range(len(cells))]})
    table = table.assign(
        path="i.png", split="test", label=names[cells // k], predicted=names[cells % k]
    )
    shares = (np.eye(k)[cells % k] + 1) / (k + 1)
    table = table.assign(**{f"p_{name}": shares[:, place] for place, name in enumerate(names)})
    epochs = pd.DataFrame(list(history), columns=list(store.HISTORY_COLUMNS))
    return store.save(run, write, table, epochs, np.zeros((len(table), 2)), "log")
