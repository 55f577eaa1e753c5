"""A small training as a job, in a store of its own: its log, its end by force, what it leaves."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, jobs, models, settings, store, training, work  # noqa: E402

LIMIT_SECONDS = 1800.0  # for one training, on a busy machine
FIGURES = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
# Phases that no line of the log tells of: they last while there is a half-written file.
WRITING = ("writing a checkpoint", "writing the run")


class Trial:
    """A training of its own in an empty store and data folder."""

    def __init__(self, folder: Path, images: Path, epochs: int, machine: dict[str, float]) -> None:
        self.folder = folder
        os.environ["CXR_MODELS"] = str(folder / "models")
        os.environ["CXR_DATA"] = str(folder / "data")
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "machine.json").write_text(json.dumps(machine))
        recipe = models.get("cnn-batchnorm-dropout").override(
            image_size=32, batch_size=16, epochs=epochs
        )
        # What the training needs of the dataset it does itself: only its files are read here.
        self.spec = training.plan(recipe, datasets.register("kills", images))
        self.begun = time.monotonic()
        self.job_id = work.submit_training(self.spec).job_id
        self.place = settings.jobs_dir() / self.job_id

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def log(self) -> list[str]:
        """What the job's process said, without the times; a stage is a line of its own."""
        lines = jobs.log(self.job_id, tail=10_000).splitlines()
        return [line.partition("Z  ")[2] for line in lines if "Z  " in line]

    def ended(self) -> bool:
        return not jobs.get(self.job_id).active

    def until(self, condition: Callable[[], object], seconds: float = LIMIT_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain: {jobs.get(self.job_id)}\n{self.log()}")
            time.sleep(0.003)

    def writes(self, phase: str) -> bool:
        if phase == "writing the run":
            return any(settings.models_dir().glob(".*-????????.*"))
        return any(self.place.glob("checkpoint/.*"))

    def kill(self) -> None:
        """Kill -9 of the job's process alone, as the system would when memory is short."""
        # Not by the number in its status, which it has only written when it was well begun.
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if str(self.place) in process.cmdline():
                    process.send_signal(signal.SIGKILL)
        self.until(self.ended)


class Watch:
    """Reads the list of runs all the time; keeps every state that is not "ok"."""

    def __enter__(self) -> Self:
        self.looks, self.wrong = 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            listed = store.list_runs()
            self.wrong += [state for state in listed["state"] if state != "ok"]
            self.looks += 1


def figures(run_id: str) -> np.ndarray:
    return store.load_run(run_id).history()[FIGURES].to_numpy(np.float64)


def broken_files(folder: Path) -> Iterator[str]:
    """Files under a final name that cannot be read in full."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        hidden = [part for part in inside if part.startswith(".") and part != ".jobs"]
        if hidden or any(part.endswith(".making") for part in inside) or not path.is_file():
            continue
        try:
            read_whole(path)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file raises
            yield f"{path.relative_to(folder)}: {type(error).__name__} {error}"


def read_whole(path: Path) -> None:
    if path.suffix == ".json":
        json.loads(path.read_bytes())
    elif path.suffix == ".parquet":
        pq.read_table(path)
    elif path.suffix == ".npy":
        np.load(path, mmap_mode="r")  # says when the file is shorter than its header
    elif path.suffix in (".npz", ".keras"):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError("a wrong checksum")
    elif path.suffix == ".jpg" and cv2.imread(str(path)) is None:
        raise ValueError("no picture")
