"""A stored run on an MLflow server: recipe, epochs, figures with intervals, model card.

The experiment is the dataset, the name is that of the run. What could tell of single images or of
this machine (names of files, patients, folders) stays here, as in `store.sharing`.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxrcore import settings, store
from cxrcore.errors import CxrError
from cxrcore.metrics import METRICS, ClassMetrics, Metrics
from cxrcore.store import Run, bundle
from cxrcore.store.card import NOTICE, model_card
from cxrcore.store.record import HISTORY, MODEL
from cxrcore.tracking.server import Server

# Of one value; older servers take no more.
_LONGEST_PARAM, _LONGEST_TAG = 500, 5000


@dataclass(frozen=True)
class Tracked:
    """Where a run is on the server; `left_out` is a sentence about files it did not take."""

    run_id: str  # the server's
    address: str  # of its page
    new: bool  # False: it was there already
    left_out: str = ""


def log_finished(run: Run) -> str:
    """Log a run that has just been saved, where MLFLOW_TRACKING_URI is set; never raises.

    Returns:
        A sentence for people about what came of it; "" where no server is set. A server that is
        out of reach costs a few seconds.
    """
    address = settings.tracking_uri()
    if not address:
        return ""
    try:
        done = log_run(run, Server(address))
    except CxrError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a server answers, the training is done
        said = f"unexpected {type(error).__name__}: {error}."
    else:
        return f"MLflow has it: {done.address} {done.left_out}".rstrip()
    again = f"`python -m cxrcore track {run.run_id}` tries again."
    return f"Not logged to MLflow: {said} The run itself is kept; {again}"


def log_run(run: Run, server: Server, *, with_model: bool = False) -> Tracked:
    """Log a stored run; one that is there whole already is left as it is.

    Told apart by the tags cxr.run_id and cxr.created. What an attempt that broke off left behind
    is deleted (the server can restore it) and logged anew.

    Args:
        run: its files are read.
        server: where to.
        with_model: upload model.keras as well, also for a run that is there already.

    Raises:
        TrackingError: the server cannot be reached or refuses.
        StoreError: a file of the run is damaged.
    """
    experiment = server.experiment(run.dataset)
    mine = {"cxr.run_id": run.run_id, "cxr.created": run.created}
    found = server.runs(experiment, mine)
    whole = next((info for info in found if info.get("status") == "FINISHED"), None)
    if whole is None:
        for info in found:
            server.delete(str(info["run_id"]))
        info, taken = _log_whole(run, server, experiment, mine)
    else:
        info, taken = whole, True
    number = str(info["run_id"])
    if with_model:
        taken &= server.upload(info.get("artifact_uri", ""), MODEL, run.model_path())
    left_out = "" if taken else "Its files were left out: the server does not take files itself."
    address = f"{server.address}/#/experiments/{experiment}/runs/{number}"
    return Tracked(number, address, whole is None, left_out)


def _log_whole(
    run: Run, server: Server, experiment: str, mine: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """Log a run from the beginning; the second value is whether the server took its files."""
    ended = round(datetime.fromisoformat(run.created).timestamp() * 1000)
    begun = ended - round(run.seconds * 1000)
    tags = [{"key": k, "value": v[:_LONGEST_TAG]} for k, v in {**_tags(run), **mine}.items()]
    info = server.create(experiment_id=experiment, run_name=run.run_id, start_time=begun, tags=tags)
    number = str(info["run_id"])
    server.log(number, [*_epochs(run, ended), *_figures(run, ended)], _parameters(run))
    facts = json.dumps(bundle.public_record(run), indent=1, ensure_ascii=False)
    texts = {"README.md": model_card(run), "figures.json": facts}
    files = {name: text.encode() for name, text in texts.items()}
    files[HISTORY] = run.verified(HISTORY).read_bytes()
    place = info.get("artifact_uri", "")
    taken = all(server.upload(place, name, content) for name, content in files.items())
    server.finish(number, ended)  # last: what broke off before is known by its missing end
    return info, taken


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


def _epochs(run: Run, ended: int) -> list[dict[str, Any]]:
    """The columns of the history by epoch, at the time at which each epoch ended."""
    history = run.history()
    later = history["seconds"][::-1].cumsum()[::-1] - history["seconds"]
    found = []
    for place, row in history.iterrows():
        timestamp = ended - round(later[place] * 1000)
        values = {name: row[name] for name in store.HISTORY_COLUMNS[1:]}
        found += _metrics(values, int(row["epoch"]), timestamp)
    return found


def _figures(run: Run, ended: int) -> list[dict[str, Any]]:
    """The figures of the kept model, shares with the bounds of their 95 % intervals (Wilson)."""
    values = {
        "total_seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "peak_memory_mb": run.peak_memory_mb,
    }
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
    """Names of classes with the signs alone that MLflow takes in the name of a metric."""
    found: list[str] = []
    for number, name in enumerate(names):
        key = re.sub(r"[^\w -]+", "_", name)
        found.append(f"{key} {number}" if key in found else key)
    return found


def _metrics(values: Mapping[str, float], step: int, timestamp: int) -> list[dict[str, Any]]:
    """As the server takes them; JSON has no word for what is not finite."""
    return [
        {"key": name, "value": float(value), "step": step, "timestamp": timestamp}
        for name, value in values.items()
        if math.isfinite(value)
    ]


def _tags(run: Run) -> dict[str, str]:
    said = [
        f"{run.recipe.title} on {run.dataset}. {NOTICE}",
        "Imported weights, not trained here." if run.imported else "",
        "Simulated images, not of patients." if run.synthetic else "",
        "" if run.leaks is None else f"{run.leaks.sentence} {run.leaks.unproven}".strip(),
        *run.notes,
    ]
    tags = {
        "mlflow.source.name": "cxrcore",
        "mlflow.note.content": "\n\n".join(sentence for sentence in said if sentence),
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
