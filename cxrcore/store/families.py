"""Runs that belong together: the folds of one cross-validation, the seeds of one training."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from cxrcore.metrics import Estimate, Member, Summary, summarise
from cxrcore.store import listing
from cxrcore.store.record import Run
from cxrcore.store.run_names import family_of

_TYPES = {
    "family": "str",
    "recipe": "str",
    "dataset": "str",
    "fingerprint": "str",
    "image_size": "Int64",
    "region": "str",
    "runs": "Int64",
    "wanted": "Int64",
    "folds": "Int64",
    "seeds": "Int64",
    "interval": "str",
    **{
        f"{figure}{part}": "float64"
        for figure in ("accuracy", "macro_f1")
        for part in ("", "_sd", "_low", "_high")
    },
    "recalls": "str",
    "classes": "str",
    "parameters": "Int64",
    "seconds": "float64",
    "created": "str",
    "weights_used": "str",
    "leaking": "Int64",
    "run_ids": "str",
}


def members(family: str) -> list[Run]:
    """The undamaged runs of a family by seed and fold; of two of one seed and fold the newer."""
    tested = [run for run in listing.runs() if "test" in run.metrics]
    return _chosen([run for run in tested if family_of(run) == family])


def summary_of(runs: Sequence[Run]) -> Summary:
    """Mean, spread and interval of the test figures of the members of one family.

    Raises:
        CxrError: there are none, or their classes differ.
    """
    told = [
        Member(
            test=run.metrics["test"],
            seed=run.recipe.seed,
            fold=run.split.fold,
            trained=run.split_counts.get("train", 0),
        )
        for run in runs
    ]
    return summarise(told, runs[0].split.folds if runs else None)


def families(dataset: str | None = None) -> pd.DataFrame:
    """One row a family of undamaged runs, the newest first; a single run is a family of one.

    Columns: family, recipe, dataset, fingerprint, image_size (pixels), region, runs, wanted (how
    many make it whole), folds (missing where there are none), seeds, interval ("folds" or
    "seeds", what `_low` and `_high` are over, see `evaluation.families`), accuracy and macro_f1
    with `_sd`, `_low` and `_high` (missing where they cannot be told), recalls (JSON list of
    {mean, sd, low, high} in class order), classes (JSON list), parameters, seconds (of all runs
    together), created (of the newest), weights_used, leaking (all tests together; missing where
    one was not checked), run_ids (JSON list by seed and fold).

    Args:
        dataset: keep the families of this dataset name.
    """
    grouped: dict[str, list[Run]] = {}
    for run in listing.runs(dataset):
        if "test" in run.metrics:
            grouped.setdefault(family_of(run), []).append(run)
    rows = [_row(family, _chosen(runs)) for family, runs in grouped.items()]
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)


def _chosen(runs: Sequence[Run]) -> list[Run]:
    """One run a seed and fold, in this order; `runs` are the newest first."""
    kept: dict[tuple[int, int], Run] = {}
    for run in runs:
        kept.setdefault((run.recipe.seed, run.split.fold or 0), run)
    return [kept[key] for key in sorted(kept)]


def _row(family: str, runs: Sequence[Run]) -> dict[str, Any]:
    told, first = summary_of(runs), runs[0]
    leaking = [None if run.leaks is None else run.leaks.count for run in runs]
    known = [count for count in leaking if count is not None]
    return {
        "family": family,
        "recipe": first.recipe.name,
        "dataset": first.dataset,
        "fingerprint": first.fingerprint,
        "image_size": first.recipe.image_size,
        "region": first.recipe.region,
        "runs": told.runs,
        "wanted": told.wanted,
        "folds": told.folds,
        "seeds": told.seeds,
        "interval": told.interval,
        **_figure("accuracy", told.accuracy),
        **_figure("macro_f1", told.macro_f1),
        "recalls": json.dumps([recall.model_dump() for recall in told.recalls]),
        "classes": json.dumps(first.classes, ensure_ascii=False),
        "parameters": first.parameters,
        "seconds": sum(run.seconds for run in runs),
        "created": max(run.created for run in runs),
        "weights_used": first.weights_used,
        "leaking": sum(known) if len(known) == len(leaking) else None,
        "run_ids": json.dumps([run.run_id for run in runs]),
    }


def _figure(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {
        name: estimate.mean,
        f"{name}_sd": estimate.sd,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }
