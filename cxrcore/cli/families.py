"""Families of trainings: how the command line submits, follows and lists them."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from cxrcore.cli.output import (
    bars,
    job_record,
    print_job,
    print_json,
    print_table,
    say,
    time_left,
)
from cxrcore.jobs import FamilyProgress, Job, Resources
from cxrcore.metrics import METRICS, Estimate

if TYPE_CHECKING:
    import pandas as pd

    from cxrcore.metrics import Summary
    from cxrcore.store import Run
    from cxrcore.training import TrainSpec

_POLL_SECONDS = 0.5


def train_all(
    specs: Sequence["TrainSpec"],
    resources: Resources | None = None,
    *,
    background: bool,
    as_json: bool,
) -> None:
    """Train a family: submit all, follow them to the end, print a summary.

    `resources` are those of each training on a cluster. Exits with 1 if one of them fails.
    """
    from cxrcore import jobs, settings, work

    submitted = [work.submit_training(spec, resources) for spec in specs]
    if not background:
        submitted = follow_all(submitted, visible=not as_json)
    progress = jobs.family_progress(submitted)
    family = specs[0].family
    summary = _summary(family) if not progress.active else None
    if as_json:
        values = _as_json(*summary) if summary else None
        print_json({"family": family, "summary": values, "jobs": list(map(job_record, submitted))})
    else:
        for job in submitted:
            if (job.state != "done" or settings.tracking_uri()) and not job.active:
                print_job(job)
        if progress.active:
            active = progress.total - progress.done - progress.failed
            say(
                f"{family}: {active} of {progress.total} trainings run or wait. Watch them: python -m cxrcore jobs list"
            )
        elif summary:
            _print_summary(family, *summary)
    if progress.failed:
        raise typer.Exit(1)


def print_runs(table: "pd.DataFrame", families: "pd.DataFrame", starts: Mapping[str, str]) -> None:
    """Print the list of runs, a family of several as one row.

    Args:
        table: as `store.list_runs`.
        families: as `store.families`.
        starts: run id -> sentence of `store.random_start`.
    """
    several = families[families["wanted"] > 1]
    members = several["run_ids"].explode()
    rows = [*records(several), *records(table[~table["run_id"].isin(members)])]
    rows.sort(key=lambda row: row["created"] or "", reverse=True)
    notes = [random_start(row, starts) for row in rows]
    cells = [_cells(row, note) for row, note in zip(rows, notes, strict=True)]
    # Columns that are empty in all rows, such as the interval without families, are not shown.
    shown = [name for name in cells[0] if any(row[name] not in ("", None) for row in cells)]
    print_table(shown, [[row[name] for name in shown] for row in cells])
    for sentence in sorted(set(filter(None, notes))):
        say(f"! random: {sentence}")


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as JSON values; None where a value is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def random_start(row: Mapping[str, Any], starts: Mapping[str, str]) -> str:
    """The sentence of `starts` for a row of runs or families; "" where there is none."""
    # The runs of a family start from the same weights. A damaged run is not in `starts`.
    return starts.get(row["run_ids"][0] if "run_ids" in row else row["run_id"], "")


def leaking(number: int | None) -> str:
    """A cell for the number of test images known from training."""
    if number is None:
        return "not checked"
    return f"! {number}" if number else "none"


def follow_all(submitted: Sequence[Job], *, visible: bool) -> list[Job]:
    """Show a family until its last job ends. Ctrl-C cancels all; checkpoints are kept."""
    from cxrcore import jobs

    now = list(submitted)
    with contextlib.ExitStack() as ends:
        drawn = ends.enter_context(bars(time_left=False)) if visible else None
        task = drawn.add_task("", total=len(now)) if drawn else None
        try:
            while True:
                now = [jobs.get(job.job_id) if job.active else job for job in now]
                progress = jobs.family_progress(now)
                if drawn and task is not None:
                    done = progress.share * progress.total
                    drawn.update(task, completed=done, description=_line(progress))
                if not progress.active:
                    return now
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            for job in reversed(now):  # the waiting ones first, so that none of them starts
                if job.active:
                    jobs.cancel(job.job_id)
            raise typer.Exit(130) from None


def _line(progress: FamilyProgress) -> str:
    """How far a family is: "fold 2 of 5, epoch 3 of 20, about 4 min left for all"."""
    job = progress.current
    if job is None:
        return f"{progress.done} of {progress.total} done"
    parts = [job.part or f"{progress.done + 1} of {progress.total}", job.step]
    if progress.eta_seconds is not None:
        parts.append(f"{time_left(progress.eta_seconds)} for all")
    return ", ".join(parts)


def _summary(family: str) -> tuple["Summary", list["Run"]] | None:
    """The summary of a family and its runs; None if none of them is in the store."""
    from cxrcore import store

    runs = store.members(family)
    return (store.summary_of(runs), runs) if runs else None


def _as_json(summary: "Summary", runs: Sequence["Run"]) -> dict[str, Any]:
    from cxrcore import store

    values = summary.model_dump(mode="json")
    values |= values.pop("estimates")
    values |= {"classes": runs[0].classes, "run_ids": [run.run_id for run in runs]}
    return values | {"random_start": store.random_start(runs[0]) or None}


def _print_summary(family: str, summary: "Summary", runs: Sequence["Run"]) -> None:
    from cxrcore import store

    if sentence := store.random_start(runs[0]):
        say(sentence)
    rows = []
    for name, estimate in summary.estimates.items():
        key, _, class_name = name.removesuffix("]").partition("[")
        metric = METRICS[key]
        label = f"{metric.title}, {class_name}" if class_name else metric.title
        spread = "" if estimate.sd is None else metric.text(estimate.sd)
        rows.append((label, metric.text(estimate.mean), spread, estimate.interval))
    over = "folds (Nadeau-Bengio)" if summary.interval == "folds" else "seeds only"
    title = f"{store.titles(runs[0].dataset).get(family, family)} ({family}): {summary.members}"
    print_table(("test images", "mean", "sd", f"95 % over {over}"), rows, title)


def _cells(row: dict[str, Any], random_start: str) -> dict[str, Any]:
    """A row of the list for a family or a run; `random_start` is a sentence or ""."""
    several = "wanted" in row
    accuracy: float | str | None = _rounded(row["accuracy"])
    if several and row["accuracy_sd"] is not None:
        accuracy = f"{accuracy:.4f} ± {row['accuracy_sd']:.4f}"
    estimate = Estimate(mean=None, low=row.get("accuracy_low"), high=row.get("accuracy_high"))
    return {
        "title": row["title"],
        "run_id": row["family"] if several else row["run_id"],
        "dataset": row["dataset"],
        "runs": row["members"] if several else "",
        "accuracy": accuracy,
        "interval": estimate.interval,
        "leaks": "imported" if row.get("imported") else leaking(row["leaking"]),
        "weights": "! random" if random_start else "",
        # More metrics do not fit into 160 characters; --json has all of them.
        "macro_f1": _rounded(row["macro_f1"]),
        "loss": _rounded(row["loss"]),
        "seconds": _rounded(row["seconds"], 1),
        "created": row["created"] and row["created"][:16].replace("T", " "),
        "state": "ok" if several else row["state"],
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
