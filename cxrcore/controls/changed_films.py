"""A run's test films without lungs, shown to the run as it is: a quick answer without training.

The answers lie beside the sealed run, in `.controls/<digest of run.json>/<digest of the masks>.parquet`.
"""

import dataclasses
import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd

from cxrcore import files, lungs, pixels
from cxrcore.comparison import patients
from cxrcore.controls import answer, arms
from cxrcore.controls.answer import Answer
from cxrcore.datasets import Dataset, masks
from cxrcore.errors import ComparisonError, DatasetError, StoreError
from cxrcore.explanations.compiled import batch_size
from cxrcore.inference import Models
from cxrcore.pixels import Preparation
from cxrcore.progress import Meter, Report, silent
from cxrcore.store import Run
from cxrcore.store.trash import CONTROLS
from cxrcore.training.data import Feed, Rows, outputs

_OTHERS = arms.SHOWN[1:]


def predict(run: Run, dataset: Dataset, *, report: Report = silent) -> None:
    """Predict a run's test films on each region without the whole picture, and keep the answers.

    Lungs are looked for where that was not done yet. Loads TensorFlow.

    Args:
        run: of the whole picture.
        dataset: where its films are now.
        report: receives the progress; may raise to stop, then nothing is kept.

    Raises:
        ComparisonError: the run does not see the whole picture.
        StoreError: its test films are gone, it is damaged, or the store cannot be written.
        DatasetError, WeightsError: lungs cannot be looked for.
    """
    tested = _tested(run, dataset)
    source = lungs.source_of(tested, lungs.COMPLETED)
    masked = lungs.masked(tested, source, report=report)
    side = run.recipe.image_size
    prepared = {
        region: pixels.prepare(tested, Preparation(side, region, source), report=report)
        for region in _OTHERS
    }
    model = Models(limit=1).get(run)
    meter = Meter("predicting films without lungs", len(_OTHERS) * len(tested.table), report)
    parts, done = [], 0
    for region, made in prepared.items():
        numbers = np.flatnonzero(made.usable)
        rows = Rows(made.array)
        feed = Feed(rows, numbers, np.zeros_like(numbers), batch_size(side, side))
        shares = [np.empty((0, len(run.classes)), np.float32)]
        for batch in outputs(model, feed):
            shares.append(np.asarray(batch, np.float32))
            meter.update(done := done + len(shares[-1]))
        rows.close()
        table = pd.DataFrame(np.concatenate(shares), columns=[f"p_{c}" for c in run.classes])
        ids = tested.table["image_id"].iloc[numbers].to_numpy(object)
        parts.append(table.assign(image_id=ids, region=region))
    buffer = io.BytesIO()
    pd.concat(parts, ignore_index=True).to_parquet(buffer, index=False)
    files.write_atomic(_place(run, masked), buffer.getvalue())


def untrained(run: Run, dataset: Dataset) -> Answer | None:
    """What the kept answers of `predict` say; None where there are none, or masks have changed since.

    Raises:
        ComparisonError: as `predict`; also, no film has a lung mask.
        StoreError: the run is damaged, or its test films are gone.
    """
    kept = _load(run, dataset)
    if kept is None:
        return None
    tables: dict[str, pd.DataFrame] = {arms.WHOLE: arms.tested(run)}
    by_region = dict(list(kept.set_index("image_id").groupby("region")))
    tables |= {region: by_region.get(region, kept.head(0)) for region in _OTHERS}
    return answer.judge(tables, run.classes, patients.find([run]), trained=False)


def stamp(run: Run) -> files.Stamp:
    """Changes whenever answers of a run are kept.

    Raises:
        StoreError: the run cannot be read.
    """
    return files.folder_stamp(_folder(run))


def seen(run: Run, dataset: Dataset) -> dict[str, np.ndarray] | None:
    """Region -> (S, S) uint8 of a test film as the network sees it; None where none is prepared.

    Raises:
        ComparisonError, StoreError: as `predict`.
    """
    tested = _tested(run, dataset)
    source, side = lungs.source_of(tested, lungs.COMPLETED), run.recipe.image_size
    found = {}
    for region in _OTHERS:
        made = pixels.find(tested, Preparation(side, region, source))
        if made is None or not made.usable.any():
            return None
        row = int(np.flatnonzero(made.usable)[0])
        found[region] = np.asarray(made.array[row])
    # A film is what is in the lungs and what is around them; so is its smaller copy.
    whole = found["lungs"].astype(np.uint16) + found["lungs-erased"]
    return {arms.WHOLE: np.minimum(whole, 255).astype(np.uint8), **found}


def _tested(run: Run, dataset: Dataset) -> Dataset:
    """The dataset with nothing but the run's test films."""
    if run.recipe.region != arms.WHOLE:
        raise ComparisonError(
            f"{run.run_id} does not see the whole picture ({run.recipe.describe('region')}), so taking the "
            "lungs away would not tell what it needs. Ask it of the same model on the whole picture."
        )
    ids = arms.tested(run).index
    table = dataset.table[dataset.table["image_id"].isin(ids)].reset_index(drop=True)
    if table.empty:
        raise StoreError(
            f"None of the test films of {run.run_id} is in {dataset.name} any more. Restore the films in "
            "the dataset's folder, or train the model again."
        )
    return dataclasses.replace(dataset, table=table)


def _load(run: Run, dataset: Dataset) -> pd.DataFrame | None:
    tested = _tested(run, dataset)
    try:
        masked = lungs.masked(tested, lungs.COMPLETED)
        return pd.read_parquet(_place(run, masked)).astype({"image_id": object})
    except (DatasetError, OSError, ValueError):  # lungs not looked for; absent or damaged
        return None


def _place(run: Run, masked: Dataset) -> Path:
    """The file of a run's answers with these lung masks."""
    state = hashlib.blake2b(digest_size=8)
    for row in masked.table.itertuples():
        state.update(f"{row.image_id} {masks.stamp(masked.mask_of(row))}\n".encode())
    return _folder(run) / f"{state.hexdigest()}.parquet"


def _folder(run: Run) -> Path:
    return run.folder.parent / CONTROLS / run.seal
