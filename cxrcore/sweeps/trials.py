"""How far the trainings of a sweep are, and which is best by validation."""

from dataclasses import dataclass
from typing import Any

from cxrcore import jobs, store
from cxrcore.errors import CxrError
from cxrcore.models import Recipe
from cxrcore.statistics.shares import wilson
from cxrcore.sweeps.median import History
from cxrcore.sweeps.record import Sweep


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    `accuracy` is that on validation images, 0..1: of the stored run with its 95 % interval
    (Wilson), else the best so far, without one; None before the first epoch.
    """

    run_id: str
    values: dict[str, Any]
    state: str  # "done", or as of a job; "removed" where neither run nor job is left
    message: str = ""
    epochs: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None


def trials(sweep: Sweep) -> list[Trial]:
    """One a training: the stored ones first, the best before the others."""
    working = {job.job_id: job for job in jobs.list_jobs()}
    found = [_trial(run_id, values, working.get(run_id)) for run_id, values in sweep.trials.items()]
    return sorted(found, key=lambda t: (t.low is None, -(t.accuracy or 0.0), t.run_id))


def _trial(run_id: str, values: dict[str, Any], job: jobs.Job | None) -> Trial:
    if store.exists(run_id):
        try:
            run = store.load_run(run_id)
        except CxrError as error:
            return Trial(run_id, values, "failed", str(error))
        scored = run.metrics["validation"]
        low, high = wilson(scored.accuracy * scored.n, scored.n)
        return Trial(
            run_id, values, "done", run.stopped_because, run.epochs_run, scored.accuracy, low, high
        )
    if job is None:
        return Trial(run_id, values, "removed")
    reached = [row["val_accuracy"] for row in job.history if "val_accuracy" in row]
    best = max(reached, default=None)
    return Trial(run_id, values, job.state, job.message, len(job.history), best)


def verdict(found: list[Trial]) -> str:
    """Which is best by validation, how sure that is, and what it is not, as a sentence."""
    stored = [trial for trial in found if trial.low is not None]
    if not stored:
        return "No training of this sweep is finished yet."
    best = max(stored, key=lambda trial: trial.accuracy or 0.0)
    options = Recipe.options()
    values = ", ".join(
        f"{options[field].title.lower()} {options[field].text(value)}"
        for field, value in best.values.items()
    )
    text = (
        f"Best by validation: {values}, with an accuracy of {best.accuracy:.3f} (95 % interval "
        f"{best.low:.3f} to {best.high:.3f})."
    )
    near = sum((t.accuracy or 0.0) >= (best.low or 0.0) for t in stored) - 1
    if near:
        text += f" {near} other{'s reach' if near > 1 else ' reaches'} that interval: the order among them may be chance."
    return (
        f"{text} It was chosen among {len(found)} on these images, so that figure flatters it; "
        "its test figures do not."
    )


def histories(sweep: Sweep, but: str) -> list[History]:
    """The epochs of all trainings of a sweep but one, as far as they have come."""
    found: list[History] = []
    working = {job.job_id: job for job in jobs.list_jobs()}
    for run_id in sweep.trials:
        if run_id == but:
            continue
        if store.exists(run_id):
            found.append(store.load_run(run_id).history().to_dict("records"))
        elif run_id in working:
            found.append(working[run_id].history)
    return found
