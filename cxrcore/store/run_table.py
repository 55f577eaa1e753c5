"""The table of runs; a damaged one is a row that says so."""

import pandas as pd

from cxrcore.metrics import select
from cxrcore.store import annotations, listing
from cxrcore.store.record import Run
from cxrcore.store.run_names import family_of
from cxrcore.store.titles import titles_of

_TYPES = {
    "run_id": "str",
    "title": "str",
    "tags": "object",
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
    "network": "boolean",
    "family": "str",
    "seed": "Int64",
    "fold": "Int64",
    "folds": "Int64",
    "without_source": "str",
}


def list_runs(dataset: str | None = None) -> pd.DataFrame:
    """One row for each run folder, the newest first; a damaged one never raises.

    Columns: run_id, title (see `store.titles`), tags (list), recipe, dataset, fingerprint,
    image_size (pixels), region, epochs_run, created, state ("ok", or a sentence that says what is damaged and what to do), classes (list),
    weights_used, synthetic, leaking (test images that are known from training; missing in runs for
    which that was not checked), imported (file and digest of weights that were not trained here,
    else missing), network (whether it has one, see `Run.has_network`), family (the same for runs that differ in seed and fold alone), seed, fold and
    folds (missing without cross-validation), without_source (the source that was left out, else missing); then every registered metric of the test images and of
    the run, those of classes as "recall[COVID-19]", see `metrics.column`.
    What a damaged folder does not tell is missing.

    Args:
        dataset: keep the runs of this dataset name, and those whose dataset
            cannot be read any more.
    """
    readings, said = listing.readings(), annotations.everything()
    named = titles_of(readings, said)
    rows = [_row(*reading) for reading in readings]
    rows = [row for row in rows if dataset is None or row.get("dataset") in (None, dataset)]
    for row in rows:
        name = str(row["run_id"])
        row |= {"title": named[name], "tags": said[name].tags if name in said else []}
    rows.sort(key=lambda row: (row.get("created") or "", row["run_id"]), reverse=True)
    return listing.frame(rows, _TYPES)


def _row(name: str, run: Run | None, state: str) -> dict[str, object]:
    if run is None:
        return {"run_id": name, "recipe": name.rpartition("-")[0] or None, "state": state}
    row: dict[str, object] = {
        "run_id": name,
        "recipe": run.recipe.name,
        "dataset": run.dataset,
        "fingerprint": run.fingerprint,
        "image_size": run.recipe.image_size if run.has_recipe else None,
        "region": run.recipe.region if run.has_recipe else None,
        "epochs_run": run.epochs_run,
        "created": run.created,
        "state": state,
        "classes": run.classes,
        "weights_used": run.weights_used,
        "synthetic": run.synthetic,
        "leaking": None if run.leaks is None else run.leaks.count,
        "imported": run.imported,
        "network": run.has_network,
        "family": family_of(run),
        "seed": run.recipe.seed,
        "fold": run.split.fold,
        "folds": run.split.folds,
        "without_source": run.split.without_source,
    }
    row |= {metric.name: metric.compute(run) for metric in select("run", "maps")}
    if test := run.metrics.get("test"):
        row |= test.columns()
    return row
