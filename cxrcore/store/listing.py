"""Find runs and list them; a damaged one is a row that says so."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxrcore import settings
from cxrcore.errors import StoreError
from cxrcore.metrics import select
from cxrcore.store import check
from cxrcore.store.record import Run
from cxrcore.store.run_names import family_of

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TYPES = {
    "run_id": "str",
    "recipe": "str",
    "dataset": "str",
    "fingerprint": "str",
    "image_size": "Int64",
    "region": "str",
    "epochs_run": "Int64",
    "created": "str",
    "state": "str",
    "classes": "object",
    "weights_used": "str",
    "synthetic": "boolean",
    "leaking": "Int64",
    "imported": "str",
    "family": "str",
    "seed": "Int64",
    "fold": "Int64",
    "folds": "Int64",
}


def exists(run_id: str) -> bool:
    """Whether the run is there and, as far as sizes and times tell, undamaged."""
    return check.read(folder_of(run_id))[1] == check.OK


def load_run(run_id: str) -> Run:
    """The record of a run; its files are checked when they are read.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    folder = folder_of(run_id)
    if not folder.is_dir():
        raise no_run(run_id)
    run, state = check.read(folder)
    if run is None or state != check.OK:
        raise StoreError(f"The run {run_id} is damaged. {state}")
    return run


def runs(dataset: str | None = None) -> list[Run]:
    """All undamaged runs, the newest first; `dataset` keeps those of one dataset name."""
    found = (check.read(folder) for folder in folders())
    whole = [run for run, state in found if run is not None and state == check.OK]
    wanted = [run for run in whole if dataset in (None, run.dataset)]
    return sorted(wanted, key=lambda run: (run.created, run.run_id), reverse=True)


def list_runs(dataset: str | None = None) -> pd.DataFrame:
    """One row for each run folder, the newest first; a damaged one never raises.

    Columns: run_id, recipe, dataset, fingerprint, image_size (pixels), region, epochs_run, created,
    state ("ok", or a sentence that says what is damaged and what to do), classes (list),
    weights_used, synthetic, leaking (test images that are known from training; missing in runs for
    which that was not checked), imported (file and digest of weights that were not trained here,
    else missing), family (the same for runs that differ in seed and fold alone), seed, fold and
    folds (missing without cross-validation); then every registered metric of the test images and of
    the run, those of classes as "recall[COVID-19]", see `metrics.column`.
    What a damaged folder does not tell is missing.

    Args:
        dataset: keep the runs of this dataset name, and those whose dataset
            cannot be read any more.
    """
    rows = [_row(folder.name, *check.read(folder)) for folder in folders()]
    rows = [row for row in rows if dataset is None or row.get("dataset") in (None, dataset)]
    rows.sort(key=lambda row: (row.get("created") or "", row["run_id"]), reverse=True)
    return frame(rows, _TYPES)


def frame(rows: Sequence[Mapping[str, object]], types: Mapping[str, str]) -> pd.DataFrame:
    """A table of runs or families: the columns of `types`, then all metrics that a row has."""
    types = {**types, **{m.name: "Int64" if m.whole else "float64" for m in select("run")}}
    types |= dict.fromkeys((m.name for m in select("confusion", "predictions")), "float64")
    by_class = dict.fromkeys(name for row in rows for name in row if name not in types)
    types |= dict.fromkeys(by_class, "float64")
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def folders() -> Iterator[Path]:
    """Every folder of the store that a person can see, damaged or not."""
    root = settings.models_dir()
    if root.is_dir():
        yield from (p for p in sorted(root.iterdir()) if p.is_dir() and p.name[0] not in "._")


def folder_of(run_id: str) -> Path:
    """Where a run of this name lies or would lie; StoreError where no run can have it."""
    # A name from a page or a command line must not lead out of the store.
    if not _SAFE_NAME.fullmatch(run_id):
        raise no_run(run_id)
    return settings.models_dir() / run_id


def no_run(run_id: str) -> StoreError:
    """The error for a run that is not there."""
    known = [folder.name for folder in folders()]
    listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "") if known else "none yet"
    return StoreError(
        f"There is no run {run_id!r} in {settings.models_dir()}. Runs there: {listed}. "
        "Train it, or check the name."
    )


def _row(name: str, run: Run | None, state: str) -> dict[str, object]:
    if run is None:
        return {"run_id": name, "recipe": name.rpartition("-")[0] or None, "state": state}
    row: dict[str, object] = {
        "run_id": name,
        "recipe": run.recipe.name,
        "dataset": run.dataset,
        "fingerprint": run.fingerprint,
        "image_size": run.recipe.image_size,
        "region": run.recipe.region,
        "epochs_run": run.epochs_run,
        "created": run.created,
        "state": state,
        "classes": run.classes,
        "weights_used": run.weights_used,
        "synthetic": run.synthetic,
        "leaking": None if run.leaks is None else run.leaks.count,
        "imported": run.imported,
        "family": family_of(run),
        "seed": run.recipe.seed,
        "fold": run.split.fold,
        "folds": run.split.folds,
    }
    row |= {metric.name: metric.compute(run) for metric in select("run")}
    if test := run.metrics.get("test"):
        row |= test.columns()
    return row
