"""Seconds to compare many runs: all intervals, and every pair by one figure of each kind.

    PYTHONPATH=. python bench/comparison_speed.py [--runs 20] [--films 20000] [--patients]

The runs are made up and lie in a temporary store.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

KINDS = (
    ("accuracy", ""),
    ("recall", "A"),
    ("macro_f1", ""),
    ("mcc", ""),
    ("auc", "A"),
    ("macro_auc", ""),
    ("loss", ""),
    ("average_precision", "A"),
    ("ece", ""),
)
CLASSES = ["A", "B", "C"]


def main() -> None:
    """Make the runs, then time what a person waits for once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--films", type=int, default=20_000)
    parser.add_argument("--patients", action="store_true", help="two films a patient")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CXR_MODELS": f"{folder}/models", "CXR_DATA": f"{folder}/data"}
        names = [make(number, given.films) for number in range(given.runs)]
        measure(names, given.patients)


def make(number: int, films: int) -> str:
    """A run whose predictions are right more often the greater its number."""
    from cxrcore import models, store
    from cxrcore.metrics import evaluate
    from cxrcore.splits import SplitSpec

    truth = np.random.default_rng(0).integers(0, 3, films)
    rng = np.random.default_rng(number + 1)
    shares = rng.dirichlet(np.ones(3), films)
    right = rng.random(films) < 0.6 + 0.015 * number
    called = np.where(right, truth, rng.integers(0, 3, films))
    shares[np.arange(films), called] += 0.7
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    tested = evaluate(truth, shares, CLASSES)
    run = store.Run(
        run_id=f"bench-{number:08d}", recipe=models.get("cnn-plain"), dataset="bench", dataset_path="",
        fingerprint="0" * 16, classes=CLASSES, split=SplitSpec(), group_key="patient",
        split_counts={"train": films, "validation": films, "test": films}, patients_known=1.0,
        split_note="", weights_used="random", versions={}, device="CPU", precision="float32",
        seconds=1.0, images_per_second=1.0, peak_memory_mb=1.0, parameters=1, epochs_run=1,
        stopped_because="", metrics={"validation": tested, "test": tested},
    )  # fmt: skip
    names = np.array(CLASSES)
    table = pd.DataFrame(
        {
            "image_id": [f"{film:032x}" for film in range(films)],
            "path": "x.png",
            "split": "test",
            "label": names[truth],
            "predicted": names[shares.argmax(axis=1)],
            **{f"p_{name}": shares[:, place] for place, name in enumerate(CLASSES)},
        }
    )
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    store.save(
        run, lambda path: Path(path).write_bytes(b"w"), table, history, np.zeros((films, 1)), ""
    )
    return run.run_id


def measure(names: list[str], with_patients: bool) -> None:
    """Print clock and processor seconds of each step."""
    from cxrcore import comparison
    from cxrcore.comparison import patients

    if with_patients:
        ids = [f"{film:032x}" for film in range(10**6)]
        known = pd.Series([f"P{film // 2}" for film in range(len(ids))], index=ids)
        patients.find = lambda _runs: patients.Patients(known, "bench")
    chosen = comparison.subjects(names)
    timed("all intervals", lambda: comparison.intervals(chosen))
    for metric, class_name in KINDS:
        timed(f"pairs by {metric}", lambda m=metric, c=class_name: comparison.compare(chosen, m, c))
    timed("all intervals again", lambda: comparison.intervals(chosen))
    timed("a comparison again", lambda: comparison.compare(chosen))


def timed(what: str, work: object) -> None:
    """Call `work` and print how long it took."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    print(f"{what:28s} {clock:6.2f} s, processor {processor:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
