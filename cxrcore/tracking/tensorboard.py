"""Epochs in the files that TensorBoard reads, through the optional package tensorboard.

$CXR_TENSORBOARD/<run_id>/events.out.tfevents.<seconds>.cxr
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cxrcore import settings
from cxrcore.errors import CxrError, StoreError, TrackingError
from cxrcore.models import Recipe
from cxrcore.store import Run

# Columns of Run.history that become one chart each; one more is computed, see `Board`.
SCALARS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")

_OURS = "events.out.tfevents.*.cxr"

History = Sequence[Mapping[str, float | int]]


class Board:
    """The event file of one training; without a folder nothing is written.

    A training that starts or resumes begins a new file with all epochs so far and then empties
    the one before, so that each epoch appears once, wherever the process before was killed.
    `images_per_second` counts the training images of an epoch over all its seconds, validation
    included, so it is lower than `Run.images_per_second`.
    """

    def __init__(
        self, folder: Path | None = None, recipe: Recipe | None = None, images: int = 0
    ) -> None:
        self._folder, self._recipe, self._images = folder, recipe, images
        self._path: Path | None = None  # of the file, once begun
        self._epochs = 0  # in the file

    @classmethod
    def of_training(cls, run_id: str, recipe: Recipe, images: int) -> "Board":
        """The board of a training; it writes only if CXR_TENSORBOARD is set."""
        root = settings.tensorboard_dir()
        return cls(root and root / run_id, recipe, images)

    def follow(self, history: History, log: list[str]) -> None:
        """Write the new epochs of a training that is under way.

        If that fails, `log` and the job's log say so and the training goes on without it.
        """
        if self._folder is None:
            return
        try:
            self.write(history, time.time())
        except CxrError as error:
            message = (
                f"TensorBoard: {error} Meanwhile the training goes on without it; "
                "`python -m cxrcore track RUN` writes the whole run afterwards."
            )
            log.append(message)
            print(message, file=sys.stderr, flush=True)
            self._folder = None

    def write(self, history: History, ended: float) -> None:
        """Write what is new; `ended` is when the last epoch ended, in seconds since 1970.

        Raises:
            StoreError: the folder or the file cannot be written.
            TrackingError: tensorboard is not installed.
        """
        if self._folder is None:
            return
        _require_tensorboard()
        try:
            self._write(self._folder, history, ended)
        except OSError as error:
            raise StoreError(
                f"{self._folder} could not be written: {error.strerror or error}. Free some space "
                "or choose another folder for the TensorBoard logs."
            ) from error

    def _write(self, folder: Path, history: History, ended: float) -> None:
        old: list[Path] = []
        if self._path is None:
            self._path, old = self._begin(folder, ended)
        for place in range(self._epochs, len(history)):
            row = history[place]
            values = {name: float(row[name]) for name in SCALARS if name in row}
            if seconds := float(row.get("seconds", 0)):
                values["images_per_second"] = self._images / seconds
            later = sum(float(other["seconds"]) for other in history[place + 1 :])
            scalars = [{"tag": tag, "simple_value": value} for tag, value in values.items()]
            step = int(row["epoch"])
            _append(self._path, ended - later, step=step, summary={"value": scalars})
        self._epochs = len(history)
        for path in old:
            if path.stat().st_size:
                os.truncate(path, 0)  # a TensorBoard that reads it goes on to the next file
            else:
                path.unlink()  # one that finds it gone does not; by now it is past it

    def _begin(self, folder: Path, now: float) -> tuple[Path, list[Path]]:
        """Start a new file; returns it and the files that it replaces."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _OURS.replace("*", f"{time.time():.0f}")
        old = [other for other in folder.glob(_OURS) if other != path]
        path.write_bytes(b"")
        _append(path, now, file_version="brain.Event:2")  # the first record of every event file
        # A TensorBoard that is open and has read the old file forgets what it read.
        _append(path, now, session_log={"status": "START"})
        if self._recipe is not None:
            _append(path, now, summary={"value": [_text("recipe", _table(self._recipe))]})
        return path, old


def write_events(run: Run, folder: Path) -> Path:
    """Write the event file of a stored run into `folder`/<run_id>; an older one is replaced.

    Returns:
        The run's folder.

    Raises:
        StoreError: the folder cannot be written, or the run's history is damaged.
        TrackingError: tensorboard is not installed.
    """
    place = Path(folder).expanduser().absolute() / run.run_id
    history: Any = run.history().to_dict("records")
    board = Board(place, run.recipe, run.split_counts["train"])
    board.write(history, datetime.fromisoformat(run.created).timestamp())
    return place


def _append(path: Path, wall_time: float, **fields: Any) -> None:
    """Append one event, whose fields are those of TensorBoard's event.proto."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    with open(path, "ab") as file:
        RecordWriter(file).write(Event(wall_time=wall_time, **fields).SerializeToString())


def _require_tensorboard() -> None:
    try:
        import tensorboard.compat.proto.event_pb2
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise TrackingError(
            "The package tensorboard is not installed. Install it with `pip install -r "
            "requirements-tensorboard.txt`, or unset CXR_TENSORBOARD."
        ) from error


def _text(tag: str, markdown: str) -> dict[str, Any]:
    """A value that TensorBoard's text tab shows."""
    tensor = {"dtype": "DT_STRING", "tensor_shape": {}, "string_val": [markdown.encode()]}
    return {"tag": tag, "tensor": tensor, "metadata": {"plugin_data": {"plugin_name": "text"}}}


def _table(recipe: Recipe) -> str:
    """What decides the weights, as a table in Markdown."""
    rows = [f"| {name} | {value} |" for name, value in recipe.weights_fields().items()]
    return "\n".join([f"**{recipe.title}**", "", "| | |", "| --- | --- |", *rows])
