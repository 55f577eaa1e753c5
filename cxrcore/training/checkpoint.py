"""Checkpoints: what an interrupted training needs to go on, written after each epoch.

    state.json        epoch, history, learning-rate state, log, and the names of the files below
    model-<e>.npz     all variables of the trained model, with states of dropout and augmentation
    optimizer-<e>.npz all variables of the optimiser

The arrays are written first and `state.json` last, each atomically, so a checkpoint is always
that of a complete epoch (docs/decisions/0036). The `.npz` files have no pickles: nothing in them
can be executed.
"""

import contextlib
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from cxrcore import files
from cxrcore.errors import StoreError

if TYPE_CHECKING:
    import keras

_STATE = "state.json"


class State(BaseModel):
    """The state of a training, except for its arrays.

    `wait` and `plateau_best` belong to the learning-rate rule, `stopping_best` and
    `stopping_wait` to early stopping; `best_loss` and `best_epoch` are those of the lowest
    validation loss, where the recipe keeps that epoch's weights. Seconds are totals over all
    sessions. `features`: whether only the head is trained, on precomputed features; the arrays
    are those of the head then. `division` identifies the split. `phase` is that of
    `Recipe.phases`, `first_epoch` the epochs before it, and `head_features` what `features` was in
    the phase before.
    """

    run_id: str
    precision: str
    weights_used: str
    features: bool | None = None  # None in old checkpoints
    division: str | None = None  # `Split.digest`; None as above
    epoch: int = 0  # completed epochs
    history: list[dict[str, float | int]] = []
    learning_rate: float | None = None  # for the next epoch
    plateau_best: float | None = None
    wait: int = 0
    stopping_best: float | None = None
    stopping_wait: int = 0
    best_loss: float | None = None
    best_epoch: int = 0
    finished: str = ""  # why no further epoch is needed; empty while one is
    seconds: float = 0.0
    training_seconds: float = 0.0
    log: list[str] = []
    phase: int = 0
    first_epoch: int = 0
    head_features: bool = False

    @property
    def begins_phase(self) -> bool:
        """Whether no epoch of this phase is complete."""
        return self.epoch == self.first_epoch

    @property
    def chosen_phase(self) -> int:
        """The phase of the chosen epoch."""
        return self.phase if self.chosen_epoch > self.first_epoch else max(0, self.phase - 1)

    def begin_next_phase(self) -> None:
        """Go on with the next phase, from the chosen epoch of this one."""
        self.phase, self.first_epoch, self.finished = self.phase + 1, self.epoch, ""
        self.head_features, self.features = bool(self.features), None
        self.learning_rate = self.plateau_best = self.stopping_best = None
        self.wait = self.stopping_wait = 0

    @property
    def chosen_epoch(self) -> int:
        """The epoch whose weights become the run's."""
        return self.best_epoch or self.epoch


class Checkpoint:
    """A folder with the state after the last whole epoch, and the best epoch's weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, run_id: str) -> State | None:
        """The state that was saved, or None where no epoch was.

        Files that a killed process left half-written are removed.

        Raises:
            StoreError: the checkpoint is damaged, or belongs to another training.
        """
        path = self.folder / _STATE
        for half in self.folder.glob(".*.npz.*"):
            half.unlink(missing_ok=True)
        if not path.exists():
            return None
        try:
            state = State.model_validate(files.read_json(path))
        except (ValidationError, StoreError) as error:
            raise self._damaged(_STATE) from error
        if state.run_id != run_id:
            raise StoreError(
                f"The checkpoint in {self.folder} belongs to {state.run_id}, not to {run_id}. "
                "Choose another folder."
            )
        for epoch in {state.epoch, state.best_epoch} - {0}:
            if not (self.folder / _model_name(epoch)).is_file():
                raise self._damaged(_model_name(epoch))
        return state

    def save(self, state: State, model: "keras.Model") -> None:
        """Save the state, and the variables of the model and its optimiser.

        Raises:
            StoreError: the disk is full or cannot be written; the previous checkpoint is
                intact, and nothing of this one is left.
        """
        model_file, optimizer_file = _model_name(state.epoch), _optimizer_name(state.epoch)
        try:
            _write(self.folder / model_file, model.variables)
            _write(self.folder / optimizer_file, model.optimizer.variables)
            files.sync_folder(self.folder)  # the state must not appear before its arrays
            files.write_json(self.folder / _STATE, state.model_dump(mode="json"))
        except StoreError:
            for name in (model_file, optimizer_file):
                (self.folder / name).unlink(missing_ok=True)
            raise
        files.sync_folder(self.folder)  # nor may old arrays go before their state
        needed = {model_file, optimizer_file, _model_name(state.best_epoch)}
        for path in self.folder.glob("*.npz"):
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def note(self, state: State) -> None:
        """Save a change of the state that concerns no array."""
        files.write_json(self.folder / _STATE, state.model_dump(mode="json"))

    def restore(self, model: "keras.Model", epoch: int) -> None:
        """Set the model's variables to those after `epoch`.

        Raises:
            StoreError: the file is damaged or belongs to another network.
        """
        self.restore_variables(model.variables, epoch)

    def restore_variables(self, variables: "Sequence[keras.Variable]", epoch: int) -> None:
        """Set variables, as many and in the same order as those of the trained model."""
        self._read(_model_name(epoch), variables)

    def restore_optimizer(self, model: "keras.Model", epoch: int) -> None:
        """Set the optimiser's variables to those after `epoch`; the model is compiled.

        Raises:
            StoreError: the file is damaged or belongs to another network.
        """
        model.optimizer.build(model.trainable_variables)
        self._read(_optimizer_name(epoch), model.optimizer.variables)

    def remove(self) -> None:
        """Delete the checkpoint; the run is stored."""
        for path in [self.folder / _STATE, *self.folder.glob("*.npz")]:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there may be other files
            self.folder.rmdir()

    def _read(self, name: str, variables: "Sequence[keras.Variable]") -> None:
        try:
            # Opened here because NumPy leaves a damaged file open.
            with (
                open(self.folder / name, "rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                if len(arrays.files) != len(variables):
                    raise self._damaged(name)
                for number, variable in enumerate(variables):
                    variable.assign(arrays[_key(number)])
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> StoreError:
        return StoreError(
            f"The checkpoint in {self.folder} is damaged: {name} is missing or unreadable. "
            "Delete that folder and resume, or remove the job from the list and start the training "
            "again: it begins with the first epoch."
        )


def _model_name(epoch: int) -> str:
    return f"model-{epoch}.npz"


def _optimizer_name(epoch: int) -> str:
    return f"optimizer-{epoch}.npz"


def _key(number: int) -> str:
    return f"v{number:05d}"


def _write(path: Path, variables: "Sequence[keras.Variable]") -> None:
    """Write one array per variable, one at a time in memory; the file appears complete or not."""
    needed = sum(4 * math.prod(variable.shape) for variable in variables)  # about: most are float32
    with files.atomic_file(path, needed) as file, zipfile.ZipFile(file, "w") as archive:
        for number, variable in enumerate(variables):
            with archive.open(f"{_key(number)}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(variable), allow_pickle=False)
