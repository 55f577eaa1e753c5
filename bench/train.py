"""Training: the study's plain script beside ours, on the same real images and the same split.

    python bench/train.py [DATASET] [--recipe cnn-plain] [--epochs 50] [--ours fast|published]

The script does what study B's notebook does: every image decoded and resized into one float32
array in memory, divided by 255; `model.fit` for 50 epochs with ReduceLROnPlateau on the
validation accuracy, the test images being its validation images. Ours is `training.train` with
the default schedule, from an empty data folder, so that measuring, duplicates and preparing are
in its time. Each runs in a process of its own, one after the other; both see the same training
and test images. What is printed:

- images a second while training, the first epoch and validation left out;
- peak memory of the process and its children (proportional set size where the system tells it);
- time until the test accuracy first was that of the script's last epoch; and until the end.

Ours is tested on the weights of every epoch, for this table alone: neither its time nor its memory
is counted.
Budget: that time <= 1/5 of the script's, images/s >= 2 times (where the processor computes faster
in bfloat16), memory <= 1/3. Real images: ../shared/data/cxr3.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import Peak

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

REAL = ROOT.parent / "shared" / "data" / "cxr3"


class Clock:
    """Seconds since the start, without those spent inside `stopped`."""

    def __init__(self) -> None:
        self._begun, self._away = time.perf_counter(), 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self._begun - self._away

    def __enter__(self) -> None:
        self._left = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._away += time.perf_counter() - self._left


def script(asked: dict[str, Any]) -> dict[str, Any]:
    """The study's way; `asked` has the paths and class numbers of both parts."""
    clock = Clock()
    import cv2
    import keras

    size = asked["size"]

    def arrays(part: str) -> tuple[Any, Any]:
        pictures = [cv2.resize(cv2.imread(path), (size, size)) for path in asked[part]["paths"]]
        labels = keras.utils.to_categorical(asked[part]["labels"], asked["classes"])
        return np.array(pictures, dtype="float32") / 255, labels

    (x_train, y_train), (x_test, y_test) = arrays("train"), arrays("test")
    loading = clock()
    layers = keras.layers
    # The architecture as the notebook writes it, and not through cxrcore.models.networks.
    model = keras.Sequential([keras.Input((size, size, 3))])
    for filters in (128, 64, 32, 32):
        model.add(layers.Conv2D(filters, 2, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    for units in (100, 50):
        model.add(layers.Dense(units, activation="relu"))
    model.add(layers.Dense(asked["classes"], activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    ends: list[float] = []
    trained: list[float] = []  # seconds of an epoch's batches after the first

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras' names
            if batch == 0:
                self.first = clock()
            self.last = clock()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 - as above
            ends.append(clock())
            trained.append(self.last - self.first)

    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", factor=0.1, patience=3, mode="max"
    )
    past = model.fit(
        x_train,
        y_train,
        batch_size=32,
        epochs=asked["epochs"],
        validation_data=(x_test, y_test),
        callbacks=[Watch(), plateau],
        verbose=0,
    )
    counted = len(x_train) - 32  # the first batch is not
    return {
        "loading": loading,
        "ends": ends,
        "accuracies": past.history["val_accuracy"],
        "images_per_second": counted / float(np.median(trained[1:] or trained)),
        "precision": "float32",
        "end": clock(),
    }


def ours(asked: dict[str, Any]) -> dict[str, Any]:
    """Our way, cold; each epoch's checkpoint is copied and tested at the end."""
    clock = Clock()
    from cxrcore import datasets, models, training
    from cxrcore.training.monitor import TrainingProgress

    folder = Path(asked["folder"])
    dataset = datasets.load(Path(asked["dataset"]))
    spec = training.plan(_recipe(asked), dataset)
    checkpoint, kept = folder / "checkpoint", folder / "epochs"
    kept.mkdir()
    ends: list[float] = []
    training_begins: list[float] = []
    rates: list[float] = []

    def report(progress: TrainingProgress) -> None:
        if progress.stage == "training" and not training_begins:
            training_begins.append(clock())
        if progress.images_per_second:
            rates.append(progress.images_per_second)
        if len(progress.history) > len(ends):
            ends.append(clock())
            with clock:
                number = len(ends)
                shutil.copy(checkpoint / f"model-{number}.npz", kept / f"{number}.npz")

    with Peak() as peak:
        run = training.train(spec, checkpoint=checkpoint, report=report)
    end = clock()
    return {
        "mb": peak.mb,
        "loading": training_begins[0],
        "ends": ends,
        "accuracies": _tested(spec, dataset, kept, len(ends)),
        "images_per_second": rates[-1],
        "precision": run.precision,
        "end": end,
        "kept": run.metrics["test"].accuracy,
        "recipe": models.schedule_of(spec.recipe),
    }


def _recipe(asked: dict[str, Any]) -> Any:
    from cxrcore import models

    recipe = models.get(asked["recipe"]).override(image_size=asked["size"])
    return recipe.fast() if asked["schedule"] == "fast" else recipe


def _tested(spec: Any, dataset: Any, kept: Path, epochs: int) -> list[float]:
    """Test accuracy of the weights after each epoch, computed in float32."""
    from cxrcore import pixels, splits
    from cxrcore.models import networks
    from cxrcore.training.checkpoint import Checkpoint

    prepared = pixels.prepare(dataset, pixels.Preparation(spec.recipe.image_size))
    test = _split(dataset, spec, splits)["test"]
    x = np.repeat(np.asarray(prepared.array[test], np.float32)[..., None], 3, axis=-1)
    y = dataset.table["label"].map(list(spec.classes).index).to_numpy()[test]
    model = networks.build(spec.recipe, list(spec.classes), "random")
    accuracies = []
    for number in range(1, epochs + 1):
        (kept / f"{number}.npz").rename(kept / f"model-{number}.npz")
        Checkpoint(kept).restore(model, number)
        accuracies.append(float((model.predict(x, 8, verbose=0).argmax(1) == y).mean()))
    return accuracies


def _split(dataset: Any, spec: Any, splits: Any) -> dict[str, Any]:
    """Row numbers of the parts, as a training divides them (duplicates kept together)."""
    from cxrcore import duplicates, index

    groups = duplicates.find(dataset, index.measure(dataset)).groups
    assigned = splits.assign(dataset.table, spec.split, groups).assignment.to_numpy()
    return {part: np.flatnonzero(assigned == part) for part in ("train", "test")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", type=Path, default=REAL)
    parser.add_argument("--recipe", default="cnn-plain", choices=["cnn-plain"])
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=50, help="of the script")
    parser.add_argument("--ours", default="fast", choices=["fast", "published"])
    parser.add_argument("--child", choices=["script", "ours"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        asked = json.load(sys.stdin)
        with Peak() as peak:
            answer = {"script": script, "ours": ours}[options.child](asked)
        print(json.dumps({"mb": peak.mb} | answer))
        return
    with tempfile.TemporaryDirectory(prefix="cxr-bench-train-") as name:
        compare(options, Path(name))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Run both and print the table."""
    os.environ |= {"CXR_DATA": str(folder / "data"), "CXR_MODELS": str(folder / "models")}
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    asked: dict[str, Any] = {"dataset": str(options.dataset.resolve()), "folder": str(folder)}
    asked |= {"recipe": options.recipe, "size": options.size, "schedule": options.ours}
    mine = _run("ours", asked)
    his = _run("script", asked | _material(asked, options.epochs))
    _print(his, mine, asked)


def _material(asked: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Paths and class numbers for the script, divided as ours was."""
    from cxrcore import datasets, splits, training

    dataset = datasets.load(Path(asked["dataset"]))
    spec = training.plan(_recipe(asked), dataset)
    numbers = dataset.table["label"].map(list(spec.classes).index)
    parts = {
        part: {
            "paths": [str(dataset.root / path) for path in dataset.table["path"].iloc[rows]],
            "labels": numbers.iloc[rows].tolist(),
        }
        for part, rows in _split(dataset, spec, splits).items()
    }
    return {**parts, "classes": len(spec.classes), "epochs": epochs}


def _run(which: str, asked: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", which]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{which} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _print(his: dict[str, Any], mine: dict[str, Any], asked: dict[str, Any]) -> None:
    wanted = his["accuracies"][-1]
    print(f"{asked['recipe']} at {asked['size']} px; the script in float32, ours in", end=" ")
    print(f"{mine['precision']}, schedule {asked['schedule']}")
    print(f"the script's test accuracy after {len(his['ends'])} epochs: {wanted:.4f}\n")

    def row(what: str, left: float, right: float, ratio: float, digits: int = 1) -> None:
        print(f"{what:44} {left:10,.{digits}f} {right:10,.{digits}f} {ratio:8.2f}")

    print(f"{'':44} {'script':>10} {'ours':>10} {'ratio':>8}")
    speeds = his["images_per_second"], mine["images_per_second"]
    row("images/s while training", *speeds, speeds[1] / speeds[0])
    row("peak memory, MB", his["mb"], mine["mb"], mine["mb"] / his["mb"], 0)
    begins = his["loading"], mine["loading"]
    row("seconds until training begins", *begins, begins[1] / begins[0])
    row("seconds of the whole", his["end"], mine["end"], mine["end"] / his["end"])
    first = _reached(mine, wanted)
    if first is None:
        best = max(mine["accuracies"])
        print(f"ours never had the script's final accuracy; its best epoch had {best:.4f}")
    else:
        whole = his["ends"][-1]
        row(f"seconds to that accuracy (ours: epoch {first[1]})", whole, first[0], first[0] / whole)
    seconds, epochs = _reached(his, wanted) or (math.nan, 0)
    print(f"\nthe script itself had it first after {epochs} epochs, {seconds:.1f} s")
    print(f"the run that ours keeps has {mine['kept']:.4f}, after {len(mine['ends'])} epochs")
    for name, answer in (("script", his), ("ours", mine)):
        print(f"{name:6}", " ".join(f"{share:.3f}" for share in answer["accuracies"]))


def _reached(answer: dict[str, Any], wanted: float) -> tuple[float, int] | None:
    """Seconds and number of the first epoch with this accuracy, or None."""
    good = (n for n, share in enumerate(answer["accuracies"]) if share >= wanted - 1e-9)
    first = next(good, None)
    return None if first is None else (answer["ends"][first], first + 1)


if __name__ == "__main__":
    main()
