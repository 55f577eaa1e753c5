"""Several trainings told as one: submitted together, followed together, one row in the list."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from cxrcore.cli.output import bars, facts_of, print_json, print_table, say, tell
from cxrcore.jobs import FamilyProgress, Job, Resources

if TYPE_CHECKING:
    import pandas as pd

    from cxrcore.training import TrainSpec

_LOOK_SECONDS = 0.5


def train_all(
    specs: Sequence["TrainSpec"], room: Resources | None = None, *, background: bool, as_json: bool
) -> None:
    """Train a family: submit all, follow them to the end, print its row.

    Each asks for `room` on a node of the cluster, see `work.submit_training`. Exits with 1 if one of them did not get done.
    """
    from cxrcore import jobs, settings, work

    submitted = [work.submit_training(spec, room) for spec in specs]
    if not background:
        submitted = _follow(submitted, quiet=as_json)
    told = jobs.family_progress(submitted)
    family = specs[0].family
    summary = _summary(family) if not told.active else None
    if as_json:
        print_json({"family": family, "summary": summary, "jobs": list(map(facts_of, submitted))})
    else:
        for job in submitted:
            if (job.state != "done" or settings.tracking_uri()) and not job.active:
                tell(job)
        if told.active:
            waiting = f"{told.total - told.done - told.failed} of {told.total} trainings"
            say(f"{family}: {waiting} are on their way. Watch them: python -m cxrcore jobs list")
        elif summary:
            _print_summary(family, summary)
    if told.failed:
        raise typer.Exit(1)


def print_runs(table: "pd.DataFrame", families: "pd.DataFrame", starts: Mapping[str, str]) -> None:
    """The list of runs, a family of several as one row; a damaged run stands alone.

    Args:
        table: as `store.list_runs`.
        families: as `store.families`.
        starts: run -> what `store.random_start` says of it.
    """
    several = families[families["wanted"] > 1]
    inside = {run_id for ids in several["run_ids"] for run_id in json.loads(ids)}
    rows = [*several.to_dict("records"), *table[~table["run_id"].isin(inside)].to_dict("records")]
    rows.sort(key=lambda row: str(row["created"] or ""), reverse=True)
    columns = (
        "run_id dataset runs accuracy interval leaks weights macro_f1 loss seconds created state"
    )
    said = [random_start(row, starts) for row in rows]
    cells = [_cells(row, start) for row, start in zip(rows, said, strict=True)]
    # What no row has, such as an interval where there are no families, only takes room.
    shown = {
        name: column
        for name, column in zip(columns.split(), zip(*cells, strict=True), strict=True)
        if any(cell not in ("", None) for cell in column)
    }
    print_table(list(shown), zip(*shown.values(), strict=True))
    for sentence in sorted(set(filter(None, said))):
        say(f"! random: {sentence}")


def random_start(row: Mapping[str, Any], starts: Mapping[str, str]) -> str:
    """The sentence of `starts` for a row of runs or families; "" where none is due."""
    # All of a family started alike.
    run_id = json.loads(row["run_ids"])[0] if "run_ids" in row else row["run_id"]
    return starts.get(run_id, "")  # a damaged run is not in there


def leaking(number: Any) -> str:
    """A cell for how many test images are known from training."""
    if _missing(number):
        return "not checked"
    return f"! {number}" if number else "none"


def _follow(submitted: Sequence[Job], *, quiet: bool) -> list[Job]:
    """Show a family until its last job ends. Ctrl-C asks all to stop; checkpoints are kept."""
    from cxrcore import jobs

    now = list(submitted)
    with contextlib.ExitStack() as ends:
        shown = None if quiet else ends.enter_context(bars(time_left=False))
        task = shown.add_task("", total=len(now)) if shown else None
        try:
            while True:
                now = [jobs.get(job.job_id) if job.active else job for job in now]
                told = jobs.family_progress(now)
                if shown and task is not None:
                    shown.update(task, completed=told.share * told.total, description=_line(told))
                if not told.active:
                    return now
                time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt:
            for job in reversed(now):  # the waiting ones first, so that none starts meanwhile
                if job.active:
                    jobs.cancel(job.job_id)
            raise typer.Exit(130) from None


def _line(told: FamilyProgress) -> str:
    """How far a family is: "fold 2 of 5, epoch 3 of 20, about 4 min left for all"."""
    job = told.current
    if job is None:
        return f"{told.done} of {told.total} done"
    said = [job.part or f"{told.done + 1} of {told.total}"]
    said.append(f"epoch {job.epoch} of {job.epochs}" if job.epoch else job.stage or "starting")
    if told.eta_seconds is not None:
        seconds = told.eta_seconds
        left = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
        said.append(f"about {left} left for all")
    return ", ".join(said)


def _summary(family: str) -> dict[str, Any] | None:
    """The row of a family as JSON values; None if none of its runs is in the store."""
    from cxrcore import store

    if not (runs := store.members(family)):
        return None
    said = store.summary_of(runs).model_dump(mode="json")
    said |= {"classes": runs[0].classes, "run_ids": [run.run_id for run in runs]}
    return said | {"random_start": store.random_start(runs[0]) or None}


def _print_summary(family: str, summary: dict[str, Any]) -> None:
    if summary["random_start"]:
        say(summary["random_start"])
    names = ["accuracy", "macro F1", *(f"recall {name}" for name in summary["classes"])]
    figures = [summary["accuracy"], summary["macro_f1"], *summary["recalls"]]
    rows = [
        (name, f"{e['mean']:.3f}", "" if e["sd"] is None else f"{e['sd']:.3f}", _interval(e))
        for name, e in zip(names, figures, strict=True)
    ]
    over = "folds (Nadeau-Bengio)" if summary["interval"] == "folds" else "seeds only"
    title = f"{family}: {_of(summary)}"
    print_table(("test images", "mean", "sd", f"95 % over {over}"), rows, title)


def _cells(row: dict[str, Any], random_start: str) -> list[Any]:
    """One row of the list, of a family or of a run; marked where `random_start` says anything."""
    accuracy = _rounded(row["accuracy"])
    if "wanted" in row:
        name, runs, state = row["family"], _of(row), "ok"
        if not _missing(row["accuracy_sd"]):
            accuracy = f"{row['accuracy']:.4f} ± {row['accuracy_sd']:.4f}"
        interval = _interval({"low": row["accuracy_low"], "high": row["accuracy_high"]})
    else:
        name, runs, state, interval = row["run_id"], "", row["state"], ""
    created = row["created"]
    return [
        name,
        None if _missing(row["dataset"]) else row["dataset"],
        runs,
        accuracy,
        interval,
        leaking(row["leaking"]) if _missing(row.get("imported")) else "imported",
        "! random" if random_start else "",
        _rounded(row["macro_f1"]),
        _rounded(row.get("loss")),
        _rounded(row["seconds"], 1),
        None if _missing(created) else created[:16].replace("T", " "),
        state,
    ]


def _of(row: dict[str, Any]) -> str:
    """How many runs of how many: "5 of 5 folds", "10 of 10 (5 folds, 2 seeds)", "3 seeds"."""
    if _missing(row["folds"]):
        return f"{row['runs']} seeds"
    if row["seeds"] > 1:
        return f"{row['runs']} of {row['wanted']} ({row['folds']} folds, {row['seeds']} seeds)"
    return f"{row['runs']} of {row['folds']} folds"


def _interval(estimate: dict[str, Any]) -> str:
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or _missing(low) else f"{low:.3f} to {high:.3f}"


def _rounded(value: Any, digits: int = 4) -> Any:
    return None if _missing(value) else round(value, digits)


def _missing(value: Any) -> bool:
    import pandas as pd  # the command line starts without it

    return bool(pd.isna(value))
