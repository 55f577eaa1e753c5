"""Testing a run on the films of another dataset; needs TensorFlow."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import duplicates, metrics, pixels, store
from cxrcore.datasets.table import count, listed
from cxrcore.errors import ComparisonError
from cxrcore.external import known_films, mapping
from cxrcore.inference import Models, loading
from cxrcore.pixels import Preparation
from cxrcore.progress import Report, silent
from cxrcore.splits import Leaks, from_source
from cxrcore.store import Home, Run
from cxrcore.store.differences import trained_on
from cxrcore.training import machine
from cxrcore.training.selection import why_not

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

VERSION = 1  # raise it when the same run and films give another result
_EXACT = "It learned from this very file."
_NEAR = "It learned from another file that shows this film."


def find(run: Run, dataset: "Dataset", classes: Mapping[str, str] | None = None) -> Run | None:
    """The external test of these, if it is kept; arguments and errors as `evaluate`."""
    run_id = _id(run, dataset, _mapping(run, dataset, classes))
    return store.load_run(run_id) if store.exists(run_id) else None


def evaluate(
    run: Run,
    dataset: "Dataset",
    classes: Mapping[str, str] | None = None,
    *,
    report: Report = silent,
) -> Run:
    """Test a run on another dataset, where nothing is trained; kept and found again.

    A run that was trained without a source of its dataset is tested on that source if `dataset` is its own.

    Films that the run learned from or that show the same are left out, as are those of labels that
    stand for none of its classes, and those that its recipe leaves out at home.

    Args:
        run: with a network, of the store; its own dataset is registered here, unchanged.
        dataset: another one.
        classes: label -> class of the run, or OTHER; labels that it does not name as in `suggest`.
        report: receives the progress; may raise to stop.

    Returns:
        The test, a run of `dataset` without a network; `removed` says why films are left out.

    Raises:
        ComparisonError: the datasets are the same and no source was left out, no class is in common, or no film is left.
        StoreError: the run has no network or is damaged, or the store cannot be written.
        DatasetError, ImageError: a film cannot be read.
    """
    run.model_path()  # raises where there is none
    full = _mapping(run, dataset, classes)
    run_id = _id(run, dataset, full)
    if store.exists(run_id):
        return store.load_run(run_id)
    own = _own(run, dataset)
    known = known_films.NONE if own else known_films.find(run, dataset, report=report)
    size = Preparation(run.recipe.image_size, run.recipe.region)
    prepared = pixels.prepare(dataset, run.recipe.preparation if own else size, report=report)
    labels = dataset.table["label"].map(lambda label: full.get(label, mapping.OTHER))
    removed = _removed(run, dataset, prepared, known, labels)
    asked = np.ones(len(removed), bool)
    if own and run.split.without_source is not None:
        asked = from_source(dataset.table, run.split.without_source)
    rows = np.flatnonzero(removed.isna().to_numpy() & asked)
    removed = removed.where(asked)  # nobody asked for the others
    if not len(rows):
        raise ComparisonError(
            f"No film of {dataset.name} is left to test {run.run_id}: "
            f"{listed(sorted(set(removed.dropna())), 4)}"
        )
    machine.start_tensorflow()
    answers = loading.ask(Models(limit=1).get(run), prepared.array, rows, report)
    return _kept(run, dataset, run_id, full, labels, removed, known, rows, answers)


def _mapping(run: Run, dataset: "Dataset", classes: Mapping[str, str] | None) -> dict[str, str]:
    if dataset.fingerprint == run.fingerprint and not _own(run, dataset):
        raise ComparisonError(
            f"{run.run_id} was trained on these films: {dataset.name} is no test elsewhere. Choose "
            "another dataset; its own test films are on Compare."
        )
    return mapping.check(classes or {}, dataset.classes, run.classes)


def _own(run: Run, dataset: "Dataset") -> bool:
    """Whether a run is tested on the source of its own dataset that it was trained without."""
    return dataset.fingerprint == run.fingerprint and run.split.without_source is not None


def _id(run: Run, dataset: "Dataset", full: Mapping[str, str]) -> str:
    facts: list[object] = [run.seal, dataset.fingerprint, sorted(full.items())]
    facts += [VERSION, pixels.VERSION, duplicates.VERSION]
    digest = hashlib.blake2b(json.dumps(facts).encode(), digest_size=4).hexdigest()
    return f"{run.run_id}-on-{dataset.name}-{digest}"


def _removed(
    run: Run,
    dataset: "Dataset",
    prepared: pixels.Pixels,
    known: known_films.Known,
    labels: pd.Series,
) -> pd.Series:
    """Why each film is left out; missing for those that are tested."""
    table = dataset.table
    reasons = why_not(table, prepared, run.recipe.max_brisque)
    near, exact = (table["image_id"].isin(list(some)) for some in (known.near, known.exact))
    reasons = reasons.mask(near, _NEAR).mask(exact, _EXACT)
    other = table["label"].fillna("").map("Its label, {!r}, is none of the model's classes.".format)
    return reasons.mask(labels == mapping.OTHER, other)


def _kept(
    run: Run,
    dataset: "Dataset",
    run_id: str,
    full: dict[str, str],
    labels: pd.Series,
    removed: pd.Series,
    known: known_films.Known,
    rows: npt.NDArray[np.intp],
    answers: loading.Answers,
) -> Run:
    """The test in the store, with the validation films of home before the test films."""
    predictions, validated = _tables(run, dataset, labels, rows, answers)
    films = dataset.table.iloc[rows]
    truth = pd.Index(run.classes).get_indexer(labels.iloc[rows])
    excluded = dataset.table.loc[removed.notna(), ["image_id", "path"]].astype(str)
    excluded["reason"] = removed[removed.notna()]
    patients = float(films["patient_id"].notna().mean())
    tested = run.model_copy(
        update={
            "run_id": run_id,
            "home": Home(
                run_id=run.run_id,
                dataset=run.dataset,
                fingerprint=run.fingerprint,
                mapping=full,
            ),
            "dataset": dataset.name,
            "dataset_path": str(dataset.root.absolute()),
            "layout": dataset.layout,
            "fingerprint": dataset.fingerprint,
            "synthetic": run.synthetic or dataset.synthetic,
            "split_counts": run.split_counts | {"test": len(films)},
            "patients_known": patients,
            "split_note": f"Trained and validated on {trained_on(run)}, tested on "
            f"{_place(run, dataset)}.",
            "removed": excluded.to_dict("records"),
            "versions": machine.versions(),
            "device": machine.device(),
            "precision": "float32",
            "seconds": answers.seconds,
            "images_per_second": len(films) / max(answers.seconds, 1e-9),
            "peak_memory_mb": machine.peak_memory_mb(),
            "epochs_run": 0,
            "stopped_because": "an external test: nothing was trained",
            "created": store.now(),
            "metrics": {
                **{part: run.metrics[part] for part in ("validation",) if part in run.metrics},
                "test": metrics.evaluate(truth, answers.probabilities, run.classes),
            },
            # Whether patients of both places are the same, their names do not tell.
            "leaks": None
            if run.imported
            else Leaks(
                test_images=len(films),
                patients_known=patients if _own(run, dataset) else 0.0,
                duplicates_searched=run.split.duplicates == "together" or not _own(run, dataset),
            ),
            "metrics_clean": None,
            "files": {},
            "stamps": {},
            "notes": _notes(run, dataset, truth, removed, known),
        }
    )
    embeddings = np.concatenate([run.embeddings()[validated], answers.embeddings])
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    log = "\n".join(tested.notes) + "\n"
    saved = store.save(tested, None, predictions, history, embeddings, log)
    said = store.annotation(run.run_id)
    if said.thresholds or said.temperature:
        store.annotate(run_id, thresholds=said.thresholds, temperature=said.temperature)
    return saved


def _tables(
    run: Run,
    dataset: "Dataset",
    labels: pd.Series,
    rows: npt.NDArray[np.intp],
    answers: loading.Answers,
) -> tuple[pd.DataFrame, npt.NDArray[np.intp]]:
    """The predictions of home's validation films and of the tested films; the rows of the former."""
    home = run.predictions()
    validated = np.flatnonzero((home["split"] == "validation").to_numpy())
    films = dataset.table.iloc[rows]
    names = np.asarray(run.classes, dtype=object)
    table = pd.DataFrame(
        {
            "image_id": films["image_id"].to_numpy(object),
            "path": films["path"].to_numpy(object),
            "split": "test",
            "label": labels.iloc[rows].to_numpy(object),
            "predicted": names[answers.probabilities.argmax(axis=1)],
        },
        dtype="str",
    )
    for column, name in enumerate(run.classes):
        table[f"p_{name}"] = answers.probabilities[:, column]
    return pd.concat([home.iloc[validated], table], ignore_index=True), validated


def _place(run: Run, dataset: "Dataset") -> str:
    source = run.split.without_source
    return f"{dataset.name}: {source}" if _own(run, dataset) else dataset.name


def _notes(
    run: Run,
    dataset: "Dataset",
    truth: npt.NDArray[np.integer],
    removed: pd.Series,
    known: known_films.Known,
) -> list[str]:
    """What a reader must know of the test, as sentences."""
    notes = [
        f"{run.run_id}, trained on {trained_on(run)}, tested on {_place(run, dataset)}; nothing was trained "
        f"there. Thresholds and temperature come from the validation films of {trained_on(run)}."
    ]
    if run.imported:
        notes.append("Imported weights: whether they know films of this dataset is unknown.")
    if _own(run, dataset):
        notes.append(
            "It learned from no film that shares a patient or a duplicate with that source."
        )
    else:
        notes.append(
            f"{count(len(known.exact | known.near), 'film')} left out because the run learned from them "
            f"({len(known.exact):,}) or from another file that shows the same film ({len(known.near):,})."
        )
    others = int((removed.notna() & ~removed.isin([_EXACT, _NEAR])).sum())
    if others:
        notes.append(f"{count(others, 'film')} left out for other reasons, which the run lists.")
    absent = [name for number, name in enumerate(run.classes) if number not in truth]
    if absent:
        present = [name for name in run.classes if name not in absent]
        notes.append(
            f"There is no film of {listed(absent, 9)}: averages over classes that say so are those of "
            f"{listed(present, 9)}. Probabilities are as the network gives them, over all its classes."
        )
    return notes
