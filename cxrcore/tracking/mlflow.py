"""A stored run on an MLflow server: recipe, epochs, figures with intervals, model card.

The experiment is the dataset; the run keeps its name. Anything that identifies single images or
this machine (names of files, patients, folders) stays here, as in `store.sharing`.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cxrcore import settings, store
from cxrcore.errors import CxrError, TrackingError
from cxrcore.metrics import METRICS, ClassMetrics, Metrics, select
from cxrcore.store import Run, bundle
from cxrcore.store.card import NOTICE, model_card
from cxrcore.store.record import HISTORY
from cxrcore.tracking.server import Server

if TYPE_CHECKING:
    from mlflow.entities import Metric

# Characters in one value; older servers take no more.
_LONGEST_PARAM, _LONGEST_TAG = 500, 5000
_LOGGED_OTHERWISE = ("parameters", "seconds")  # as a parameter, and as total_seconds


@dataclass(frozen=True)
class TrackedRun:
    """Where a run is on the server; `warning` says which files the server did not take, or ""."""

    run_id: str  # the server's
    address: str  # of its page
    new: bool  # False: it was already there
    warning: str = ""


def log_finished(run: Run) -> str:
    """Log a run that has just been saved, if MLFLOW_TRACKING_URI is set; never raises.

    Returns:
        A sentence about the result; "" if no server is set. A server that is out of reach
        costs a few seconds.
    """
    address = settings.tracking_uri()
    if not address:
        return ""
    try:
        tracked = log_run(run, Server(address))
    except CxrError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a server answers, the training is done
        reason = f"unexpected {type(error).__name__}: {error}."
    else:
        return f"Logged to MLflow: {tracked.address} {tracked.warning}".rstrip()
    again = f"`python -m cxrcore track {run.run_id}` tries again."
    return f"Not logged to MLflow: {reason} The run itself is kept; {again}"


def log_run(run: Run, server: Server, *, with_model: bool = False) -> TrackedRun:
    """Log a stored run, unless the server already has all of it.

    Runs are recognised by the tags cxr.run_id and cxr.created. The remains of an attempt that
    broke off are deleted (the server can restore them) and the run is logged again.

    Args:
        run: its files are read.
        server: where to.
        with_model: upload model.keras as well, also for a run that is already there.

    Raises:
        TrackingError: the run has no network, or the server cannot be reached or refuses.
        StoreError: a file of the run is damaged.
    """
    if not run.has_network:
        raise TrackingError(
            f"{run.run_id} was not trained here and has no network: nothing of it is logged. Log "
            + (f"the run that it tests, {run.home.run_id}." if run.home else "a run trained here.")
        )
    experiment = server.experiment(run.dataset)
    key = {"cxr.run_id": run.run_id, "cxr.created": run.created}
    query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in key.items())
    found = [logged.info for logged in server.call("search_runs", [experiment], query)]
    info: Any = next((info for info in found if info.status == "FINISHED"), None)
    new = info is None
    if new:
        for unfinished in found:
            server.call("delete_run", unfinished.run_id)
        info = _log_everything(run, server, experiment, key)
    takes_files = _takes_files(info)
    if with_model and takes_files:
        server.call("log_artifact", info.run_id, str(run.model_path()))
    warning = "" if takes_files else "Its files were left out: the server does not store files."
    address = f"{server.address}/#/experiments/{experiment}/runs/{info.run_id}"
    return TrackedRun(info.run_id, address, new, warning if new or with_model else "")


def _log_everything(run: Run, server: Server, experiment: str, key: Mapping[str, str]) -> Any:
    """Log a run from the beginning; returns the server's record of it."""
    from mlflow.entities import Param

    ended = round(datetime.fromisoformat(run.created).timestamp() * 1000)
    tags = {name: value[:_LONGEST_TAG] for name, value in {**_tags(run), **key}.items()}
    begun = ended - round(run.seconds * 1000)
    info = server.call("create_run", experiment, begun, tags, run.run_id).info
    params = [Param(name, value) for name, value in _parameters(run).items()]
    server.call("log_batch", info.run_id, [*_epochs(run, ended), *_figures(run, ended)], params)
    if _takes_files(info):
        figures = json.dumps(bundle.public_record(run), indent=1, ensure_ascii=False)
        server.call("log_text", info.run_id, model_card(run), "README.md")
        server.call("log_text", info.run_id, figures, "figures.json")
        server.call("log_artifact", info.run_id, str(run.verified(HISTORY)))
    # Last: the missing end marks an attempt that broke off.
    server.call("set_terminated", info.run_id, end_time=ended)
    return info


def _takes_files(info: Any) -> bool:
    """Whether the server stores files itself; any other place is not ours to write to."""
    return str(info.artifact_uri).startswith("mlflow-artifacts:")


def _parameters(run: Run) -> dict[str, str]:
    """The recipe's fields that decide weights, by their names; the split and the data."""
    values = {
        "recipe": run.recipe.name,
        **run.recipe.values(),
        "split": run.split.model_dump(mode="json", exclude_none=True),
        "classes": ", ".join(run.classes),
        "images": dict(run.split_counts),
        "parameters": run.parameters,
    }
    return {key: str(value)[:_LONGEST_PARAM] for key, value in _flat(values)}


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    """plateau={"factor": 0.25} as plateau.factor=0.25, so that single values can be compared."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _epochs(run: Run, ended: int) -> list["Metric"]:
    """The columns of the history by epoch, at the time at which each epoch ended."""
    history = run.history()
    later = history["seconds"][::-1].cumsum()[::-1] - history["seconds"]
    found = []
    for place, row in history.iterrows():
        timestamp = ended - round(later[place] * 1000)
        values = {name: row[name] for name in store.HISTORY_COLUMNS[1:]}
        found += _metrics(values, int(row["epoch"]), timestamp)
    return found


def _figures(run: Run, ended: int) -> list["Metric"]:
    """The figures of the kept model, shares with the bounds of their 95 % intervals (Wilson)."""
    values = {
        "total_seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "peak_memory_mb": run.peak_memory_mb,
    }
    for metric in select("run", "maps"):
        value = metric.compute(run)
        if metric.name not in _LOGGED_OTHERWISE and value is not None:
            values[metric.name] = value
    scored = dict(run.metrics)
    if run.metrics_clean is not None:
        scored["test_without_leaks"] = run.metrics_clean
    for part, metrics in scored.items():
        for name, value in _scores(metrics).items():
            values[f"{part}/{name}"] = value
    if run.leaks is not None:
        values["test/leaking_images"] = run.leaks.count
    return _metrics(values, run.epochs_run, ended)


def _scores(metrics: Metrics) -> dict[str, float]:
    """Every metric by its name in MLflow: accuracy, accuracy_low, recall/COVID-19 and so on."""
    found: dict[str, float | None] = {"images": metrics.n}
    keys = _keys(row.name for row in metrics.classes)
    for metric in METRICS.values():
        if metric.basis not in ("confusion", "predictions"):
            continue
        places: list[tuple[str, Metrics | ClassMetrics]] = [("", metrics)]
        if metric.scope == "class":
            places = [(f"/{key}", row) for key, row in zip(keys, metrics.classes, strict=True)]
        for (end, values), sure in zip(places, metrics.intervals(metric), strict=True):
            found[metric.name + end] = values.value(metric.name)
            if sure is not None:
                found[f"{metric.name}_low{end}"], found[f"{metric.name}_high{end}"] = sure
    return {name: value for name, value in found.items() if value is not None}


def _keys(names: Iterable[str]) -> list[str]:
    """Class names with only the characters that MLflow allows in a metric's name."""
    found: list[str] = []
    for number, name in enumerate(names):
        key = re.sub(r"[^\w -]+", "_", name)
        found.append(f"{key} {number}" if key in found else key)
    return found


def _metrics(values: Mapping[str, float], step: int, timestamp: int) -> list["Metric"]:
    """As the server takes them, without values that are not finite."""
    from mlflow.entities import Metric

    return [
        Metric(name, float(value), timestamp, step)
        for name, value in values.items()
        if math.isfinite(value)
    ]


def _tags(run: Run) -> dict[str, str]:
    notes = [
        f"{run.recipe.title} on {run.dataset}. {NOTICE}",
        "Imported weights, not trained here." if run.imported else "",
        "Simulated images, not of patients." if run.synthetic else "",
        "" if run.leaks is None else f"{run.leaks.sentence} {run.leaks.unproven}".strip(),
        *run.notes,
    ]
    tags = {
        "mlflow.source.name": "cxrcore",
        "mlflow.note.content": "\n\n".join(note for note in notes if note),
        "cxr.title": store.title(run),
        "cxr.family": store.family_of(run),
        "cxr.fingerprint": run.fingerprint,
        "cxr.synthetic": str(run.synthetic).lower(),
        "cxr.imported": run.imported or "no",
        "cxr.weights_used": run.weights_used,
        "cxr.device": run.device,
        "cxr.precision": run.precision,
        "cxr.stopped_because": run.stopped_because,
    }
    return tags | {f"cxr.version.{name}": version for name, version in run.versions.items()}
