"""One recipe on the whole picture, the lungs, and what is left without them: runs and missing ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cxrcore import lungs, store, training
from cxrcore.comparison import patients
from cxrcore.controls import answer
from cxrcore.controls.answer import Answer
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError
from cxrcore.store import Run
from cxrcore.training import TrainSpec

WHOLE = answer.WHOLE
SHOWN = (WHOLE, "lungs", "lungs-erased", "border")  # regions, in the order in which they are shown
_SECONDS_A_MASK = 0.04  # of a processor, to look for the lungs of a film


@dataclass(frozen=True)
class Arms:
    """Trainings that differ only in the region that the network sees.

    Attributes:
        runs: region -> run, of those that are in the store, in the order of SHOWN.
        missing: region -> what has to be trained.
        seconds: estimated for all that is missing, one after the other; None if it is not known.
        note: what else differs between them, a sentence; "" if nothing does.
    """

    runs: Mapping[str, Run]
    missing: Mapping[str, TrainSpec]
    seconds: float | None
    note: str


def find(run: Run, dataset: Dataset) -> Arms:
    """The trainings of a run's recipe, split and seed on each region of SHOWN.

    Those that were trained before are found by what decides their weights, lung masks included.
    A run on a region keeps its own masks; else the dataset's are used, and estimated ones for films
    without.

    Args:
        run: undamaged, on any region.
        dataset: the one it was trained on.

    Raises:
        ComparisonError: its weights were imported, or the dataset has changed since.
        RecipeError, TrainingError: its recipe can no longer be trained.
        StoreError: corrections of lung masks are damaged.
    """
    if run.imported:
        raise ComparisonError(
            f"The weights of {run.run_id} were imported, so its training cannot be repeated without "
            "lungs. The answer without training is there for it as well."
        )
    if run.fingerprint != dataset.fingerprint:
        raise ComparisonError(
            f"{dataset.name} has changed since {run.run_id} was trained, so controls would be trained on "
            "other films. Train the model again, or bring back the films and labels."
        )
    region = run.recipe.region
    masks = lungs.COMPLETED if region == WHOLE else run.recipe.lung_masks
    specs = {
        name: training.plan(run.recipe.override(region=name, lung_masks=masks), dataset, run.split)
        for name in SHOWN
    }
    note = ""
    if region in specs and specs[region].run_id != run.run_id:
        note = (
            f"{run.run_id} was trained by an earlier version, or before patients or lung masks of the "
            "dataset were corrected; the others differ from it in that as well."
        )
    runs = {
        name: run if name == region else store.load_run(spec.run_id)
        for name, spec in specs.items()
        if name == region or store.exists(spec.run_id)
    }
    missing = {name: spec for name, spec in specs.items() if name not in runs}
    return Arms(runs, missing, _seconds(run, dataset, missing), note)


def trained(arms: Arms) -> Answer | None:
    """What the trained runs say; None unless the whole picture and one other region are there.

    Raises:
        StoreError: predictions are missing or damaged.
        ComparisonError: no film was tested by all of them.
    """
    if WHOLE not in arms.runs or len(arms.runs) < 2:
        return None
    tables = {region: tested(run) for region, run in arms.runs.items()}
    known = patients.find(arms.runs.values())
    return answer.judge(tables, arms.runs[WHOLE].classes, known, trained=True)


def tested(run: Run) -> pd.DataFrame:
    """The predictions of a run on its test films, indexed by image_id."""
    table = run.predictions()
    return table[table["split"] == "test"].astype({"image_id": object}).set_index("image_id")


def _seconds(run: Run, dataset: Dataset, missing: Mapping[str, TrainSpec]) -> float | None:
    images, classes = run.split_counts["train"], len(run.classes)
    each = [training.estimate(spec.recipe, images, classes) for spec in missing.values()]
    known = [seconds for seconds in each if seconds is not None]
    if len(known) < len(each):
        return None
    looking = any(spec.lungs for spec in missing.values()) and lungs.load(dataset) is None
    return sum(known) + looking * len(dataset.table) * _SECONDS_A_MASK
