"""The record of a run, its name, and how its files are read."""

import datetime
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cxrcore import duplicates, files, pixels, settings
from cxrcore.errors import StoreError
from cxrcore.foreign import Interface
from cxrcore.metrics import Metrics
from cxrcore.models import Recipe
from cxrcore.splits import Leaks, SplitSpec
from cxrcore.store import example_films, lung_shares
from cxrcore.store.home import Home

# Raised when training changes so that the same recipe gives other weights.
TRAINING_VERSION = 3

RECORD = "run.json"
MODEL, PREDICTIONS, HISTORY = "model.keras", "predictions.parquet", "history.csv"
EMBEDDINGS, LOG = "embeddings.npy", "log.txt"
BESIDE_MODEL = (PREDICTIONS, HISTORY, EMBEDDINGS, LOG)

HISTORY_COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
)

NOT_HERE = "not here"  # the network of a recipe that only carries a title

Stamp = tuple[int, int]  # size in bytes, time of the last change in ns


def now() -> str:
    """The present time as in `Run.created`: ISO 8601, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Run(BaseModel):
    """One recipe trained on one split of one dataset; everything but the files themselves.

    `seconds` is the training on the clock: the epochs of all sittings, and pixels and evaluation
    of the last one, but not what is measured once a dataset; `images_per_second` counts the
    training batches only. `peak_memory_mb` is the most the process ever held.
    `removed` has one {image_id, path, reason} an image that was left out.
    `weights_used` names where training started ("random", or a file). `leaks` says which test
    images are known from training, None in runs from before that was checked; `metrics_clean`
    are the test metrics without those, None where nothing leaks or nothing is left. `imported` is
    the name and digest of the file whose weights or predictions were put in instead of training,
    else None; `interface` says how an imported network is fed. An external test, of a run from `home` on another dataset, is a run of that dataset
    without a network; its validation films are those of home (docs/decisions/0055).
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    recipe: Recipe
    dataset: str
    dataset_path: str
    layout: str | None = None
    fingerprint: str
    synthetic: bool = False
    classes: list[str]  # in softmax order
    split: SplitSpec
    grouping: str = ""  # of the TrainSpec; "" in older runs
    lungs: str = ""  # what estimated its lung masks, of the TrainSpec; "" if nothing did
    split_counts: dict[str, int]
    group_key: str
    patients_known: float  # share, 0..1
    split_note: str
    weights_used: str
    imported: str | None = None
    interface: Interface | None = None
    home: Home | None = None
    removed: list[dict[str, str]] = []
    versions: dict[str, str]
    device: str
    precision: str
    seconds: float
    images_per_second: float
    peak_memory_mb: float
    parameters: int
    epochs_run: int
    stopped_because: str
    created: str = Field(default_factory=now)  # ISO 8601, UTC
    metrics: dict[str, Metrics]  # by "validation" and "test"
    leaks: Leaks | None = None
    metrics_clean: Metrics | None = None
    files: dict[str, str] = {}  # name -> digest, filled by save
    stamps: dict[str, Stamp] = {}  # name -> size and time, filled by save
    notes: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def _ignore_duplicates(cls, values: Any) -> Any:
        """Splits recorded before duplicates were searched ignored them, whatever the default now."""
        split = values.get("split") if isinstance(values, dict) else None
        if not isinstance(split, dict) or "duplicates" in split:
            return values
        return values | {"split": split | {"duplicates": "ignored"}}

    @property
    def folder(self) -> Path:
        """The folder of the run in the store."""
        return settings.models_dir() / self.run_id

    @property
    def seal(self) -> str:
        """Digest of its record, which names all of its files, and what is kept beside the run.

        Raises:
            StoreError: the record cannot be read.
        """
        path = self.folder / RECORD
        try:
            return digest_of(path)
        except OSError as error:
            raise _unreadable(path, error, self.run_id) from error

    @property
    def has_network(self) -> bool:
        """Whether it is in the store with a network; external tests and imported predictions are not."""
        return self.model_file in self.files

    @property
    def has_layers(self) -> bool:
        """Whether it has a network of Keras, whose layers can be looked into and trained on."""
        return MODEL in self.files

    @property
    def model_file(self) -> str:
        """The name of the network's file, where it has one."""
        return MODEL if self.interface is None else f"model.{self.interface.format}"

    @property
    def has_recipe(self) -> bool:
        """Whether its recipe says how a network was built; else it only carries the title."""
        return self.recipe.network != NOT_HERE

    @property
    def kept_files(self) -> tuple[str, ...]:
        """The names of the files that it consists of."""
        return (self.model_file, *BESIDE_MODEL) if self.has_network else BESIDE_MODEL

    @property
    def model_mb(self) -> float | None:
        """Size of the model's file in MB of 10^6 bytes; None in a run that was not saved."""
        found = self.stamps.get(self.model_file)
        return None if found is None else found[0] / 1e6

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds of one film through the network; None where it was not measured."""
        return example_films.latency_ms(self)

    @property
    def lung_share(self) -> lung_shares.KeptShare | None:
        """How much of its maps of the test films lies inside the lungs; None while not computed."""
        return lung_shares.load(self)

    def predictions(self) -> pd.DataFrame:
        """One row an image of validation and test.

        Columns: image_id, path, split, label, predicted and one `p_<class>`
        (float32, 0..1) a class, in softmax order.

        Raises:
            StoreError: the file is missing or is not the one that was saved.
        """
        return pd.read_parquet(self.verified(PREDICTIONS))

    def history(self) -> pd.DataFrame:
        """One row an epoch, from 1.

        Columns: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate
        and seconds.

        Raises:
            StoreError: the file is missing or is not the one that was saved.
        """
        return pd.read_csv(self.verified(HISTORY))

    def embeddings(self) -> npt.NDArray[np.float16]:
        """(n, d) what the last layer sees, one row a row of `predictions()`.

        Raises:
            StoreError: the file is missing or is not the one that was saved.
        """
        return np.load(self.verified(EMBEDDINGS), allow_pickle=False)

    def log(self) -> str:
        """The messages of the training.

        Raises:
            StoreError: the file is missing or is not the one that was saved.
        """
        return self.verified(LOG).read_text(encoding="utf-8")

    def model_path(self) -> Path:
        """The model's file, its content checked in full (once a process and version).

        Raises:
            StoreError: the run has none, the file is missing or is not the one that was saved.
        """
        if not self.has_network:
            raise StoreError(
                f"{self.run_id} has no network, only predictions: it cannot predict, explain or be "
                "exported. Choose "
                + (
                    f"the run that it tests, {self.home.run_id}."
                    if self.home
                    else "a run trained here."
                )
            )
        return self.verified(self.model_file)

    def verified(self, name: str) -> Path:
        """Path of one of the run's files whose content is the recorded one."""
        path = self.folder / name
        try:
            found = digest_of(path)
        except OSError as error:
            raise _unreadable(path, error, self.run_id) from error
        if found != self.files.get(name):
            raise StoreError(f"{path} is not the file that was saved. {_again(self.run_id)}")
        return path


def run_id(
    recipe: Recipe,
    fingerprint: str,
    split: SplitSpec,
    classes: Sequence[str] | None = None,
    grouping: str = "",
) -> str:
    """`<recipe>-<8 hex>`: the same for the same weights-to-be, on every machine.

    Decided by the recipe's fields that decide weights, the dataset's
    fingerprint, the split, where given the order of the classes, and the `grouping` (who is
    whose image, see `TrainSpec`), and the versions of preparation, duplicates and training. Neither TensorFlow nor scikit-learn is imported.
    """
    parts = {
        "recipe": recipe.weights_fields(),
        "fingerprint": fingerprint,
        # Without folds the name is what it was before there were any.
        "split": split.model_dump(mode="json", exclude_none=True),
        "classes": None if classes is None else list(classes),
        "grouping": grouping,
        "versions": [TRAINING_VERSION, pixels.VERSION, duplicates.DIVISION],
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return f"{recipe.name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def stamp(path: Path) -> Stamp:
    """Size and time of the last change, to notice cheaply that a file was changed."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def digest_of(path: Path) -> str:
    """`files.digest`, computed once for as long as the file is untouched.

    Unlike the time of the last change, which anybody can set back, that of the last touch
    (of content, name or rights) is the system's own.
    """
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@functools.lru_cache(maxsize=1024)
def _digest(path: Path, *_touched: int) -> str:
    return files.digest(path)


def _unreadable(path: Path, error: OSError, run_id: str) -> StoreError:
    return StoreError(f"{path} cannot be read: {error.strerror or error}. {_again(run_id)}")


def _again(run_id: str) -> str:
    return f"Delete the run {run_id} and train it again, or restore the file from a backup."
