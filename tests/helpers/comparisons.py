"""Runs with made-up test predictions in the store, for tests of comparisons."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxrcore import models, store
from cxrcore.metrics import evaluate
from cxrcore.splits import SplitSpec
from cxrcore.store.run_names import family_of
from tests.helpers.runs import made_up

CLASSES = ("COVID-19", "Normal", "Viral")


def shares_of(truth: np.ndarray, right: float, seed: int, k: int = 3) -> np.ndarray:
    """(n, k) float32 probabilities whose largest is the truth for about so many of the films."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(k), len(truth))
    called = np.where(rng.random(len(truth)) < right, truth, rng.integers(0, k, len(truth)))
    shares[np.arange(len(truth)), called] += 1.0
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def keep(
    run_id: str,
    truth: Sequence[int] | np.ndarray,
    shares: np.ndarray,
    ids: Sequence[str] | None = None,
    classes: Sequence[str] = CLASSES,
    parts: np.ndarray | str = "test",
    **changes: object,
) -> store.Run:
    """A run in the store that was tested on films "film-0000", … and gave these probabilities.

    `parts` says which of them are of the test part.
    """
    truth, classes = np.asarray(truth), list(classes)
    names = np.array(classes)
    ids = [f"film-{number:04d}" for number in range(len(truth))] if ids is None else list(ids)
    predictions = pd.DataFrame(
        {
            "image_id": ids,
            "path": "x.png",
            "split": parts,
            "label": names[truth],
            "predicted": names[shares.argmax(axis=1)],
            **{f"p_{name}": np.float32(shares[:, place]) for place, name in enumerate(classes)},
        }
    )
    inside = (predictions["split"] == "test").to_numpy()
    tested = evaluate(truth[inside], shares[inside], classes)
    values = {
        "run_id": run_id,
        "dataset": "three",
        "classes": classes,
        "metrics": {"validation": tested, "test": tested},
        "split_counts": {"train": 4 * len(truth), "validation": len(truth), "test": len(truth)},
        "leaks": None,
    }
    run = made_up(**values | changes)
    history = pd.DataFrame([], columns=list(store.HISTORY_COLUMNS))
    features = np.zeros((len(ids), 2))
    return store.save(run, lambda path: path.write_bytes(b"w"), predictions, history, features, "")


def keep_family(
    truth: np.ndarray,
    right: float,
    seeds: Sequence[int],
    folds: int | None = None,
    name: str = "cnn-plain",
) -> str:
    """A family of seeds, or of seeds and folds, whose films are dealt to the folds in turn."""
    for seed in seeds:
        recipe = models.get(name).override(image_size=96, seed=seed)
        for fold in range(1, (folds or 1) + 1):
            rows = np.arange(len(truth))[fold - 1 :: folds or 1]
            split = SplitSpec(fold=fold, folds=folds) if folds else SplitSpec()
            run = keep(
                f"{name}-{seed}{fold}",
                truth[rows],
                shares_of(truth[rows], right, 100 * seed + fold),
                [f"film-{row:04d}" for row in rows],
                recipe=recipe,
                split=split,
            )
    return family_of(run)
