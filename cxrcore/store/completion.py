"""Metrics that the record of a run lacks, computed from its predictions and kept beside the runs.

A run keeps the metrics that were known when it was saved; its record is sealed and stays as it is.
What was added later is computed once, the first time that the run is read, and kept in
`.metrics/<digest of run.json>.json` of the store.
"""

import contextlib
from pathlib import Path

import pandas as pd

from cxrcore import files
from cxrcore.errors import CxrError, StoreError
from cxrcore.metrics import Metrics, evaluate
from cxrcore.store.record import Run

FOLDER = ".metrics"
_CLEAN = "test_without_leaks"


def complete(run: Run, seal: str) -> Run:
    """The run with every registered metric.

    Where its predictions do not belong to its record, what the record has is all there is.

    Args:
        run: undamaged.
        seal: digest of its record, which names all of its files.
    """
    recorded = dict(run.metrics)
    if run.metrics_clean is not None:
        recorded[_CLEAN] = run.metrics_clean
    if all(metrics.complete for metrics in recorded.values()):
        return run
    kept = run.folder.parent / FOLDER / f"{seal}.json"
    try:
        found = _read(kept)
        if not found or not all(metrics.complete for metrics in found.values()):
            found = _computed(run)
            with contextlib.suppress(StoreError):  # the store may not be writable
                files.write_json(kept, {part: each.model_dump() for part, each in found.items()})
        full = {
            part: metrics.completed(found[part]) if part in found else metrics
            for part, metrics in recorded.items()
        }
    except (CxrError, KeyError):
        return run
    clean = full.pop(_CLEAN, None)
    return run.model_copy(update={"metrics": full, "metrics_clean": clean})


def _computed(run: Run) -> dict[str, Metrics]:
    """All metrics of the validation images, the test images, and those that do not leak."""
    table = run.predictions()
    parts = {str(part): rows for part, rows in table.groupby("split")}
    if run.metrics_clean is not None and run.leaks is not None and "test" in parts:
        leaking = {leak.image_id for leak in run.leaks.found}
        parts[_CLEAN] = parts["test"][~parts["test"]["image_id"].isin(leaking)]
    return {part: _of(rows, run.classes) for part, rows in parts.items() if len(rows)}


def _of(rows: pd.DataFrame, classes: list[str]) -> Metrics:
    truth = pd.Index(classes).get_indexer(rows["label"])
    return evaluate(truth, rows[[f"p_{name}" for name in classes]].to_numpy(), classes)


def _read(path: Path) -> dict[str, Metrics]:
    """What was kept; nothing where there is none or it cannot be read."""
    try:
        kept = files.read_json(path)
        return {part: Metrics.model_validate(values) for part, values in kept.items()}
    except (CxrError, ValueError, AttributeError):  # also of pydantic: a ValueError
        return {}
