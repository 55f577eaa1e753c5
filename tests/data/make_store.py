"""Write `store-0.4/` with the code of version 0.4 (see README.md); later versions cannot run it.

    CXR_MODELS=/srv/store-0.4/models CXR_DATA=/srv/store-0.4/data CXR_PRECISION=float32 \
        python make_store.py FOLDER_OF_VERSION_0.4

The folder /srv/store-0.4 must be writable; its name is in the records as the user's would be.
"""

import os
import signal
import sys
from pathlib import Path

ROOT = Path("/srv/store-0.4")
FILMS = ROOT / "films"
SIDE = 44  # pixels: enough for BRISQUE


def tiny(recipe, classes, weights=None, report=None):
    """A network of some hundred weights instead of the recipe's, so that the store is small."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(recipe.seed)
    x = inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="image")
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 5, strides=4, activation="relu", name="last_conv")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dense(len(classes), "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, x)


def make_films() -> None:
    """Two classes, 8 patients each, with a lung mask a film."""
    import csv

    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(4)
    (FILMS / "masks").mkdir(parents=True)
    lungs = np.zeros((SIDE, SIDE), np.uint8)
    lungs[8:36, 7:19] = lungs[8:36, 25:37] = 255
    Image.fromarray(lungs).save(FILMS / "masks" / "lungs.png")
    rows = [("path", "label", "patient_id", "mask")]
    for number in range(16):
        label = ("Clear", "Dense")[number % 2]
        pixels = np.where(lungs, 60 + 90 * (number % 2), 170) + rng.normal(0, 4, lungs.shape)
        name = f"{number:02d}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).quantize(16).convert("L").save(
            FILMS / name, optimize=True
        )
        rows.append((name, label, f"P{number:02d}", "masks/lungs.png"))
    with open(FILMS / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)


def die(*_: object, **__: object) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def work(arguments: list[str]) -> int:
    """The process of a job, with the tiny network; `DIE` makes it end in the middle."""
    import platform

    platform.node = lambda: "reading-room"
    from cxrcore import networks, pixels
    from cxrcore.jobs import child
    from cxrcore.training.checkpoint import Checkpoint

    networks.build = tiny
    if os.environ.get("DIE"):
        save = Checkpoint.save
        Checkpoint.save = lambda *args: (save(*args), die())
        pixels.Pixels.brisque = die
    return child.main(arguments)


def make() -> None:
    import functools
    import time

    from cxrcore.recipes import RECIPES

    from cxrcore import datasets, index, jobs, store, training
    from cxrcore.jobs import control

    command = (sys.executable, __file__, sys.argv[1], "--work")
    control.start = functools.partial(control.start, command=command)

    def finished(job, state):
        while (now := jobs.get(job.job_id)).active:
            time.sleep(0.2)
        assert now.state == state, (now, jobs.log(job.job_id))

    make_films()
    data = datasets.register("films", FILMS)
    index.measure(data)
    recipe = RECIPES["cnn-plain"].override(image_size=32, epochs=1, batch_size=8)

    def run(spec):
        finished(jobs.submit_training(spec), "done")

    run(training.plan(recipe, data))
    for spec in training.plan_series(recipe, data, folds=2):
        run(spec)
    run(training.plan(recipe.override(arm="lungs"), data))
    deleted = training.plan(recipe.override(seed=7), data)
    run(deleted)
    store.delete(deleted.run_id)
    for job in jobs.list_jobs()[1:]:
        jobs.dismiss(job.job_id)
    finished(jobs.submit_index("films"), "done")

    os.environ["DIE"] = "yes"
    finished(jobs.submit_training(training.plan(recipe.override(epochs=2), data)), "interrupted")
    finished(jobs.submit_pixels("films", 32, "lungs"), "interrupted")


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    if sys.argv[2:3] == ["--work"]:
        sys.exit(work(sys.argv[3:]))
    make()
