"""Epochs in the files that TensorBoard reads, each epoch once.

    $CXR_TENSORBOARD/<run_id>/events.out.tfevents.<seconds>.cxr

`tf.summary.scalar` needs TensorBoard, which TensorFlow 2.21 no longer brings. The records and the
messages in them are TensorFlow's own, so that nothing has to be installed to write them.

Source of the format: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cxrcore import settings
from cxrcore.errors import StoreError
from cxrcore.models import Recipe
from cxrcore.store import Run

# Columns of Run.history that become a chart each; one more is computed, see `Board`.
SCALARS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")

_VERSION = "brain.Event:2"  # the first record of every event file
_OURS = "events.out.tfevents.*.cxr"

History = Sequence[Mapping[str, float | int]]


class Board:
    """The event file of one training; without a folder nothing is written.

    Each sitting begins a file with all epochs so far and then empties the one before it: neither
    an epoch that a killed process wrote but did not keep, nor one that it kept but did not
    write, makes a difference. `images_per_second` counts the training images of an epoch over
    all its seconds, validation included, so it is lower than `Run.images_per_second`.
    """

    def __init__(
        self, folder: Path | None = None, recipe: Recipe | None = None, images: int = 0
    ) -> None:
        self._folder, self._recipe, self._images = folder, recipe, images
        self._writer: Any = None
        self._done = 0  # epochs in the file

    @classmethod
    def of_training(cls, run_id: str, recipe: Recipe, images: int) -> "Board":
        """The one that CXR_TENSORBOARD asks for; `images` are those trained on in an epoch."""
        root = settings.tensorboard_dir()
        return cls(root and root / run_id, recipe, images)

    def follow(self, history: History, log: list[str]) -> None:
        """Write the epochs that are not in the file yet, of a training that goes on now.

        Where that fails, `log` and the job's log say so and training goes on without it.
        """
        if self._folder is None:
            return
        import tensorflow as tf

        try:
            self.write(history, time.time())
        except (OSError, tf.errors.OpError) as error:
            said = (
                f"TensorBoard: {self._folder} cannot be written ({_reason(error)}); the training "
                "goes on without. `python -m cxrcore track RUN` writes the whole run afterwards."
            )
            log.append(said)
            print(said, file=sys.stderr, flush=True)
            self._folder = None

    def write(self, history: History, ended: float) -> None:
        """Write what is new; `ended` is when the last epoch ended, in seconds since 1970.

        Raises:
            OSError, tf.errors.OpError: the folder or the file cannot be written.
        """
        if self._folder is None:
            return
        old = self._begin(self._folder, ended) if self._writer is None else []
        for place in range(self._done, len(history)):
            row = history[place]
            values = {name: float(row[name]) for name in SCALARS if name in row}
            if seconds := float(row.get("seconds", 0)):
                values["images_per_second"] = self._images / seconds
            later = sum(float(other["seconds"]) for other in history[place + 1 :])
            self._add(ended - later, int(row["epoch"]), values)
        self._done = len(history)
        self._writer.flush()  # TensorBoard reads along
        for path in old:
            if path.stat().st_size:
                os.truncate(path, 0)  # a TensorBoard that reads it goes on to the next file
            else:
                path.unlink()  # one that finds it gone does not; by now it is past it

    def close(self) -> None:
        """Close the file; harmless without one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _begin(self, folder: Path, now: float) -> list[Path]:
        """Open a new file, and return the files that it replaces."""
        import tensorflow as tf

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _OURS.replace("*", f"{time.time():.0f}")
        old = [other for other in folder.glob(_OURS) if other != path]
        self._writer = tf.io.TFRecordWriter(str(path))
        event = tf.compat.v1.Event
        self._writer.write(event(wall_time=now, file_version=_VERSION).SerializeToString())
        # A TensorBoard that is open and has read the old file forgets what it read.
        start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        self._writer.write(event(wall_time=now, session_log=start).SerializeToString())
        if self._recipe is not None:
            self._writer.write(_text(now, "recipe", _table(self._recipe)))
        return old

    def _add(self, wall_time: float, step: int, values: Mapping[str, float]) -> None:
        import tensorflow as tf

        summary = tf.compat.v1.Summary()
        for name, value in values.items():
            summary.value.add(tag=name, simple_value=value)
        event = tf.compat.v1.Event(wall_time=wall_time, step=step, summary=summary)
        self._writer.write(event.SerializeToString())


def write_events(run: Run, folder: Path) -> Path:
    """Write the event file of a stored run into `folder`/<run_id>; one of ours there is replaced.

    Returns:
        The run's folder.

    Raises:
        StoreError: the folder cannot be written, or the run's history is damaged.
    """
    import tensorflow as tf

    place = Path(folder).expanduser().absolute() / run.run_id
    history: Any = run.history().to_dict("records")
    board = Board(place, run.recipe, run.split_counts["train"])
    try:
        board.write(history, datetime.fromisoformat(run.created).timestamp())
    except (OSError, tf.errors.OpError) as error:
        raise StoreError(
            f"{place} could not be written: {_reason(error)}. Free some space or choose another "
            "folder for the TensorBoard logs."
        ) from error
    finally:
        board.close()
    return place


def _text(wall_time: float, tag: str, markdown: str) -> bytes:
    """A record that the text tab shows."""
    import tensorflow as tf

    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="text")
    summary = tf.compat.v1.Summary()
    summary.value.add(
        tag=tag,
        tensor=tf.make_tensor_proto(markdown),
        metadata=tf.compat.v1.SummaryMetadata(plugin_data=plugin),
    )
    event = tf.compat.v1.Event(wall_time=wall_time, summary=summary)
    return bytes(event.SerializeToString())


def _table(recipe: Recipe) -> str:
    """What decides the weights, as a table in Markdown."""
    rows = [f"| {name} | {value} |" for name, value in recipe.weights_fields().items()]
    return "\n".join([f"**{recipe.title}**", "", "| | |", "| --- | --- |", *rows])


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return str(said).strip().partition("\n")[0]
