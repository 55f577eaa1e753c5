"""Matched predictions as runs of the store."""

import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import store
from cxrcore.errors import StoreError
from cxrcore.metrics import evaluate
from cxrcore.models import Recipe
from cxrcore.predictions import titled
from cxrcore.predictions.division import TESTED
from cxrcore.predictions.matching import Matched
from cxrcore.splits import SplitSpec
from cxrcore.store import Run

VERSION = 1  # raise it when the same file is imported differently
UNKNOWN = "unknown"


def keep(matched: Matched, title: str) -> list[Run]:
    """Keep predictions as a run without a network, or as one a fold, which form a family.

    What is kept already is not kept again.

    Args:
        matched: as `match`.
        title: what the model is called, one line of at most 80 characters.

    Raises:
        PredictionsError: the title cannot be used.
        StoreError: the disk is full or the store cannot be written.
    """
    recipe, kept = titled.recipe(title, "imported", matched.dataset.classes), []
    try:
        for split, chosen in _folds(matched):
            kept.append(_keep(matched, recipe, split, chosen))
    except StoreError:  # of several folds all are kept or none
        for run in kept:
            store.delete(run.run_id)
        raise
    return kept


def _folds(matched: Matched) -> Iterator[tuple[SplitSpec, npt.NDArray[np.bool_]]]:
    """The split of each run, and its rows."""
    if matched.folds is None:
        yield SplitSpec(), np.ones(len(matched.rows), bool)
        return
    most = int(matched.folds.max())
    for fold in range(1, most + 1):
        yield SplitSpec(fold=fold, folds=most), matched.folds == fold


def _keep(matched: Matched, recipe: Recipe, split: SplitSpec, chosen: npt.NDArray[np.bool_]) -> Run:
    run_id = _run_id(matched, recipe, split)
    if store.exists(run_id):
        return store.load_run(run_id)
    dataset, classes = matched.dataset, list(matched.dataset.classes)
    films = dataset.table.iloc[matched.rows[chosen]]
    predictions = table_of(films, matched.parts[chosen], classes, matched.probabilities[chosen])
    truth = pd.Index(classes).get_indexer(predictions["label"])
    shares, parts = matched.probabilities[chosen], matched.parts[chosen]
    counts = {part: int((parts == part).sum()) for part in TESTED}
    patients = float(dataset.table["patient_id"].iloc[matched.rows[chosen]].notna().mean())
    run = Run(
        run_id=run_id,
        recipe=recipe,
        dataset=dataset.name,
        dataset_path=str(dataset.root.absolute()),
        layout=dataset.layout,
        fingerprint=dataset.fingerprint,
        synthetic=dataset.synthetic,
        classes=classes,
        split=split,
        grouping=_digest(matched),
        # At most: what the model was trained on is not known.
        split_counts={"train": len(dataset.table) - sum(counts.values()), **counts},
        group_key=UNKNOWN,
        patients_known=patients,
        split_note=f"As in {matched.table.name}; what the model was trained on is not known.",
        weights_used=UNKNOWN,
        imported=f"{matched.table.name} ({matched.table.digest})",
        removed=[
            {"image_id": "", "path": path, "reason": "The file has no prediction of it."}
            for path in matched.missing
        ],
        versions={},
        device=UNKNOWN,
        precision=UNKNOWN,
        seconds=0.0,
        images_per_second=0.0,
        peak_memory_mb=0.0,
        parameters=0,
        epochs_run=0,
        stopped_because=f"predictions made elsewhere, from {matched.table.name}",
        metrics={
            part: evaluate(truth[parts == part], shares[parts == part], classes)
            for part in TESTED
            if counts[part]
        },
        notes=list(matched.notes),
    )
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    log = "\n".join((f"{recipe.title}: {matched.table.name}", *matched.notes)) + "\n"
    return store.save(run, None, predictions, history, matched.embeddings[chosen], log)


def table_of(
    films: pd.DataFrame,
    parts: npt.NDArray[np.object_],
    classes: Sequence[str],
    shares: npt.NDArray[np.floating],
) -> pd.DataFrame:
    """The columns of `Run.predictions` for n films.

    Args:
        films: (n) rows of a dataset's table.
        parts: (n,) "validation" or "test".
        classes: in the order of the probabilities.
        shares: (n, k) probabilities.
    """
    names = np.array(classes, dtype=object)
    table = pd.DataFrame(
        {
            "image_id": films["image_id"].to_numpy(object),
            "path": films["path"].to_numpy(object),
            "split": parts,
            "label": films["label"].to_numpy(object),
            "predicted": names[shares.argmax(axis=1)],
        },
        dtype="str",
    )
    for column, name in enumerate(classes):
        table[f"p_{name}"] = shares[:, column].astype(np.float32)
    return table


def _digest(matched: Matched) -> str:
    """16 hexadecimal digits over what is kept."""
    found = hashlib.blake2b(matched.table.digest.encode(), digest_size=8)
    for array in (matched.rows, matched.parts.astype("U"), matched.folds, matched.probabilities):
        found.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _run_id(matched: Matched, recipe: Recipe, split: SplitSpec) -> str:
    facts: list[object] = [recipe.title, matched.dataset.fingerprint, list(matched.dataset.classes)]
    facts += [_digest(matched), split.fold, split.folds, VERSION]
    digest = hashlib.blake2b(json.dumps(facts).encode(), digest_size=4).hexdigest()
    return f"{recipe.name}-{digest}"
