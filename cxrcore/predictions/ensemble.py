"""The mean of several runs' probabilities as a run of its own."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxrcore import metrics, store
from cxrcore.errors import ComparisonError
from cxrcore.metrics import temperature
from cxrcore.metrics.decision import calibrated as at_temperature
from cxrcore.predictions import titled
from cxrcore.predictions.division import TESTED
from cxrcore.splits import Leaks
from cxrcore.store import Run

VERSION = 1  # raise it when the same runs give another mean
_KEYS = ["image_id", "split", "label"]


def ensemble(run_ids: Sequence[str], title: str, *, calibrated: bool = False) -> Run:
    """Keep the mean of the probabilities of runs, on the films that are in the same part for all.

    So no film that one of them learned from is a test film.

    Args:
        run_ids: two or more single runs on the same films and classes.
        title: what it is called, one line of at most 80 characters.
        calibrated: each run's probabilities at the temperature that fits its validation films best.

    Raises:
        ComparisonError: fewer than two, other films or classes, no test film in common, or no
            validation films to calibrate on.
        PredictionsError: the title cannot be used.
        StoreError: a run is missing or damaged, or the store cannot be written.
    """
    runs = [store.load_run(name) for name in dict.fromkeys(run_ids)]
    _check(runs)
    recipe = titled.recipe(title, "ensemble", runs[0].classes)
    run_id = _run_id(recipe.name, recipe.title, runs, calibrated)
    if store.exists(run_id):
        return store.load_run(run_id)
    predictions = _mean(runs, calibrated)
    words = f"the mean of the {'calibrated ' * calibrated}probabilities of {len(runs)} runs"
    members = ", ".join(run.run_id for run in runs)
    parts = {str(part): rows for part, rows in predictions.groupby("split") if part in TESTED}
    run = runs[0].model_copy(
        update={
            "run_id": run_id,
            "recipe": recipe,
            "split_counts": runs[0].split_counts
            | {name: len(some) for name, some in parts.items()},
            "weights_used": f"the mean of {len(runs)} runs",
            "imported": ", ".join(dict.fromkeys(r.imported for r in runs if r.imported)) or None,
            "interface": None,
            "removed": [],
            "parameters": 0,
            "epochs_run": 0,
            "stopped_because": words,
            "created": store.now(),
            "metrics": {name: _metrics(some, runs[0].classes) for name, some in parts.items()},
            "leaks": _leaks(runs, predictions),
            "metrics_clean": None,
            "files": {},
            "stamps": {},
            "notes": [f"It is {words}: {members}."],
        }
    )
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    none = np.empty((len(predictions), 0))
    return store.save(run, None, predictions, history, none, f"{run.notes[0]}\n")


def _check(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise ComparisonError("A mean needs two runs or more. Name another one.")
    first = runs[0]
    for run in runs[1:]:
        if run.fingerprint != first.fingerprint or set(run.classes) != set(first.classes):
            raise ComparisonError(
                f"{run.run_id} was tested on other films or classes than {first.run_id}. Choose runs of "
                "one dataset."
            )
    if any(run.split.folds or run.home for run in runs):
        raise ComparisonError(
            "Folds of a cross-validation and tests of another dataset cannot be averaged. Choose runs "
            "that were trained on one split."
        )


def _mean(runs: Sequence[Run], calibrated: bool) -> pd.DataFrame:
    """The predictions of the mean, of the films that are in the same part and class for all."""
    classes = runs[0].classes
    columns = [f"p_{name}" for name in classes]
    tables = [_table(run, columns, calibrated) for run in runs]
    ids = tables[0].index
    for table in tables[1:]:
        ids = ids.intersection(table.index)
    films = tables[0].loc[ids].reset_index()
    if not (films["split"] == "test").any():
        raise ComparisonError(
            "No film is a test film of all of these runs, so nothing could be said of their mean. "
            "Choose runs with the same split."
        )
    shares = np.mean([table.loc[ids, columns].to_numpy(np.float64) for table in tables], axis=0)
    films["predicted"] = np.array(classes, dtype=object)[shares.argmax(axis=1)]
    films[columns] = shares.astype(np.float32)
    return films[["image_id", "path", "split", "label", "predicted", *columns]]


def _table(run: Run, columns: Sequence[str], calibrated: bool) -> pd.DataFrame:
    """The predictions of a run by film, part and label; calibrated where that is wanted."""
    table = run.predictions().astype(dict.fromkeys(_KEYS, object))
    if not calibrated:
        return table.set_index(_KEYS)
    validated = table[table["split"] == "validation"]
    if validated.empty:
        raise ComparisonError(
            f"{run.run_id} has no predictions of validation films to calibrate it on. Leave it out, or "
            "take the mean without calibration."
        )
    truth = pd.Index(run.classes).get_indexer(validated["label"])
    own = [f"p_{name}" for name in run.classes]
    found = temperature.fit(truth, validated[own].to_numpy(np.float64))
    table[list(columns)] = at_temperature(table[list(columns)].to_numpy(np.float64), found)
    return table.set_index(_KEYS)


def _metrics(rows: pd.DataFrame, classes: Sequence[str]) -> metrics.Metrics:
    truth = pd.Index(classes).get_indexer(rows["label"])
    return metrics.evaluate(truth, rows[[f"p_{name}" for name in classes]].to_numpy(), classes)


def _leaks(runs: Sequence[Run], predictions: pd.DataFrame) -> Leaks | None:
    """The test films that one of the runs knows; None where that is not known of all."""
    known = [run.leaks for run in runs if run.leaks]
    if len(known) < len(runs):
        return None
    tested = set(predictions.loc[predictions["split"] == "test", "image_id"])
    found = {leak.image_id: leak for leaks in known for leak in leaks.found}
    return Leaks(
        test_images=len(tested),
        found=tuple(leak for name, leak in found.items() if name in tested),
        validation=max(leaks.validation for leaks in known),
        patients_known=min(leaks.patients_known for leaks in known),
        duplicates_searched=all(leaks.duplicates_searched for leaks in known),
    )


def _run_id(name: str, title: str, runs: Sequence[Run], calibrated: bool) -> str:
    facts = [title, sorted(run.seal for run in runs), calibrated, VERSION]
    return f"{name}-{hashlib.blake2b(json.dumps(facts).encode(), digest_size=4).hexdigest()}"
