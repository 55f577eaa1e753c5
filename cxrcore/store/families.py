"""Families of runs: the folds of one cross-validation, the seeds of one training."""

import statistics
from collections.abc import Sequence
from typing import Any

import pandas as pd

from cxrcore.metrics import Member, Metric, Summary, select, summarise
from cxrcore.store import annotations, listing
from cxrcore.store.record import Run
from cxrcore.store.run_names import family_of
from cxrcore.store.titles import titles_of

_TYPES = {
    "family": "str",
    "title": "str",
    "tags": "object",
    "recipe": "str",
    "dataset": "str",
    "fingerprint": "str",
    "image_size": "Int64",
    "region": "str",
    "runs": "Int64",
    "wanted": "Int64",
    "folds": "Int64",
    "seeds": "Int64",
    "members": "str",
    "interval": "str",
    "created": "str",
    "weights_used": "str",
    "leaking": "Int64",
    "classes": "object",
    "run_ids": "object",
}


def members(family: str) -> list[Run]:
    """The undamaged runs of a family by seed and fold; of two of one seed and fold the newer."""
    tested = [run for run in listing.runs() if "test" in run.metrics]
    return _chosen([run for run in tested if family_of(run) == family])


def summary_of(runs: Sequence[Run]) -> Summary:
    """Mean, spread and interval of the test metrics of the members of one family.

    Raises:
        CxrError: there are none, or their classes differ.
    """
    members = [
        Member(
            test=run.metrics["test"],
            seed=run.recipe.seed,
            fold=run.split.fold,
            trained=run.split_counts.get("train", 0),
        )
        for run in runs
    ]
    return summarise(members, runs[0].split.folds if runs else None)


def families(dataset: str | None = None) -> pd.DataFrame:
    """One row for each family of undamaged runs, the newest first; a single run is a family of one.

    Columns: family, title (see `store.titles`; of a single run its own), tags (list), recipe, dataset, fingerprint, image_size (pixels), region, runs, wanted (the
    number of runs of the complete family), folds (missing where there are none), seeds, members
    (text, "5 of 5 folds"), interval ("folds" or "seeds", what the intervals are over, see
    `metrics.families`), created (of the newest), weights_used, leaking (all tests together; missing where one was not checked), classes
    (list), run_ids (list by seed and fold); then every registered metric: of the run its mean or,
    of times, its sum, missing where a run was not measured; of the test images the mean, and with `_sd`, `_low` and `_high` added to its
    column the standard deviation and the 95 % interval (missing where undefined).

    Args:
        dataset: keep the families of this dataset name.
    """
    grouped: dict[str, list[Run]] = {}
    readings, said = listing.readings(), annotations.everything()
    named = titles_of(readings, said, dataset)
    for run in listing.newest_first(readings, dataset):
        if "test" in run.metrics:
            grouped.setdefault(family_of(run), []).append(run)
    rows = []
    for family, runs in grouped.items():
        row = _row(family, _chosen(runs))
        shown = family if family in named else row["run_ids"][0]
        tags = said[shown].tags if shown in said else []
        rows.append(row | {"title": named[shown], "tags": tags})
    return listing.frame(rows, _TYPES)


def _chosen(runs: Sequence[Run]) -> list[Run]:
    """One run a seed and fold, in this order; `runs` are the newest first."""
    kept: dict[tuple[int, int], Run] = {}
    for run in runs:
        kept.setdefault((run.recipe.seed, run.split.fold or 0), run)
    return [kept[key] for key in sorted(kept)]


def _row(family: str, runs: Sequence[Run]) -> dict[str, Any]:
    summary, first = summary_of(runs), runs[0]
    leaking = [None if run.leaks is None else run.leaks.count for run in runs]
    known = [count for count in leaking if count is not None]
    row: dict[str, Any] = {
        "family": family,
        "recipe": first.recipe.name,
        "dataset": first.dataset,
        "fingerprint": first.fingerprint,
        "image_size": first.recipe.image_size,
        "region": first.recipe.region,
        "runs": summary.runs,
        "wanted": summary.wanted,
        "folds": summary.folds,
        "seeds": summary.seeds,
        "members": summary.members,
        "interval": summary.interval,
        "created": max(run.created for run in runs),
        "weights_used": first.weights_used,
        "leaking": sum(known) if len(known) == len(leaking) else None,
        "classes": first.classes,
        "run_ids": [run.run_id for run in runs],
    }
    for metric in select("run", "maps"):
        row[metric.name] = _together(metric, runs)
    for column, estimate in summary.estimates.items():
        row |= {column: estimate.mean, f"{column}_sd": estimate.sd}
        row |= {f"{column}_low": estimate.low, f"{column}_high": estimate.high}
    return row


def _together(metric: Metric, runs: Sequence[Run]) -> float | None:
    """The mean or the sum of a metric of runs; None where one of them was not measured."""
    values = [metric.compute(run) for run in runs]
    if None in values:
        return None
    total = sum(values) if metric.summed else statistics.mean(values)
    return round(total) if metric.whole else total
