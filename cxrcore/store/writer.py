"""Save a finished training, whole or not at all."""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store import check, trash
from cxrcore.store.listing import exists, load_run
from cxrcore.store.record import (
    EMBEDDINGS,
    HISTORY,
    HISTORY_COLUMNS,
    LOG,
    PREDICTIONS,
    RECORD,
    Run,
    stamp,
)

_ABANDONED_SECONDS = 3600


def save(
    run: Run,
    write_model: Callable[[Path], None] | None,
    predictions: pd.DataFrame,
    history: pd.DataFrame,
    embeddings: npt.NDArray[np.floating],
    log: str,
) -> Run:
    """Save a finished training with its metrics: all of it, or nothing (docs/decisions/0002).

    Args:
        run: the record; `files` and `stamps` are filled in here.
        write_model: writes the model to the path it is given, `Run.model_file`; None for a run without one.
        predictions: columns as `Run.predictions` has them.
        history: columns as `Run.history` has them.
        embeddings: (n, d), rows as predictions; kept as float16.
        log: the messages of the training.

    Returns:
        The run as it is in the store. If an undamaged one was there
        already, that one; a damaged one is moved to the trash first.

    Raises:
        StoreError: the disk is full, the store cannot be written, or the
            tables do not belong together.
    """
    _check_tables(run, predictions, history, embeddings)
    _sweep()
    if run.folder.exists():
        if exists(run.run_id):
            return load_run(run.run_id)
        trash.delete(run.run_id)
    needed = 4 * run.parameters + embeddings.size * 2 + int(predictions.memory_usage().sum())
    with files.whole_folder(run.folder, needed) as folder:
        if write_model is not None:
            write_model(folder / run.model_file)
        predictions.to_parquet(folder / PREDICTIONS, index=False)
        history.to_csv(folder / HISTORY, index=False)
        limit = np.finfo(np.float16).max  # beyond it float16 has only infinity
        np.save(folder / EMBEDDINGS, np.clip(embeddings, -limit, limit).astype(np.float16))
        (folder / LOG).write_text(log, encoding="utf-8")
        written = sorted(path.name for path in folder.iterdir())
        run = run.model_copy(
            update={
                "files": {name: files.digest(folder / name) for name in written},
                "stamps": {name: stamp(folder / name) for name in written},
            }
        )
        record = folder / RECORD
        record.write_text(run.model_dump_json(indent=1), encoding="utf-8")
        (folder / check.SEAL).write_text(files.digest(record), encoding="ascii")
    return load_run(run.run_id)


def export(run_id: str, folder: Path) -> Path:
    """Copy a run to `folder`/<run_id>; it can be put into another store as it is.

    Raises:
        StoreError: the run is damaged, the place is taken or cannot be written.
    """
    run = load_run(run_id)
    place = Path(folder).expanduser().absolute() / run_id
    if place.exists():
        raise StoreError(f"{place} exists. Choose another folder, or remove it first.")
    sources = [run.verified(name) for name in run.kept_files]
    sources += [run.folder / RECORD, run.folder / check.SEAL]
    with files.whole_folder(place) as temporary:
        for source in sources:
            shutil.copy2(source, temporary / source.name)
    return place


def _check_tables(
    run: Run,
    predictions: pd.DataFrame,
    history: pd.DataFrame,
    embeddings: npt.NDArray[np.floating],
) -> None:
    wanted = ["image_id", "path", "split", "label", "predicted"]
    wanted += [f"p_{name}" for name in run.classes]
    if list(predictions.columns) != wanted:
        raise StoreError(
            f"The predictions of {run.run_id} need the columns {wanted}; "
            f"they have {list(predictions.columns)}."
        )
    if tuple(history.columns) != HISTORY_COLUMNS:
        raise StoreError(
            f"The history of {run.run_id} needs the columns {list(HISTORY_COLUMNS)}; "
            f"it has {list(history.columns)}."
        )
    if embeddings.ndim != 2 or len(embeddings) != len(predictions):
        raise StoreError(
            f"The embeddings of {run.run_id} must have one row for each of the "
            f"{len(predictions)} predictions; their shape is {embeddings.shape}."
        )


def _sweep() -> None:
    """Remove what killed processes left behind while saving a run."""
    for folder in settings.models_dir().glob(".*-????????.*"):
        with contextlib.suppress(OSError):  # another process sweeps, or has just saved its run
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
