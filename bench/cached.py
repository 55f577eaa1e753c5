"""A training that was done before is answered at once: seconds, and what was imported for it.

    python bench/cached.py [--images 300] [--times 5]

Trains one epoch of a small network on synthetic images. Then asks for the same training again,
each time in a new process, as a command line or a page that has just started would, and prints
the time of each step. Budget: at most 0.3 s for the request itself, without TensorFlow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import synthetic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

BUDGET_SECONDS = 0.3
STEPS = {
    "import": "importing what is needed",
    "load": "loading the dataset",
    "plan": "planning the training",
    "submit": "work.submit_training",
    "train": "training.train",
}


def ask(folder: Path) -> None:
    """Ask for the training in this process; prints the seconds of each step as JSON."""
    spent, last = {}, time.perf_counter()

    def done(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[step], last = now - last, now

    from cxrcore import datasets, models, training, work

    done("import")
    dataset = datasets.load(folder)
    done("load")
    recipe = models.get("cnn-plain").override(image_size=32, batch_size=16, epochs=1)
    spec = training.plan(recipe, dataset)
    done("plan")
    job = work.submit_training(spec)
    done("submit")
    run = training.train(spec)
    done("train")
    if job.run_id != run.run_id:
        raise SystemExit("the request was not answered with the run")
    heavy = sorted({"tensorflow", "keras"} & sys.modules.keys())
    print(json.dumps({"spent": spent, "heavy": heavy}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        return ask(options.ask)
    with tempfile.TemporaryDirectory(prefix="cxr-cached-") as temporary:
        folder = Path(temporary)
        os.environ["CXR_DATA"] = str(folder / "data")
        os.environ["CXR_MODELS"] = str(folder / "models")
        images = synthetic(folder / "images", options.images, side=96, distinct=True)
        train = [sys.executable, "-m", "cxrcore", "train", "cnn-plain", "--schedule", "published"]
        train += ["--data", str(images), "--size", "32", "--batch", "16", "--epochs", "1"]
        subprocess.run(train, check=True, cwd=ROOT, capture_output=True)
        told = [asked(images) for _ in range(options.times)]
    table(told)


def asked(images: Path) -> dict:
    command = [sys.executable, __file__, "--ask", str(images)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def table(told: list[dict]) -> None:
    print(f"{'seconds, ' + str(len(told)) + ' new processes':<32}{'median':>9}{'most':>9}")
    for step, name in STEPS.items():
        times = sorted(one["spent"][step] for one in told)
        print(f"{name:<32}{times[len(times) // 2]:>9.3f}{times[-1]:>9.3f}")
    most = max(max(one["spent"]["submit"], one["spent"]["train"]) for one in told)
    heavy = sorted({name for one in told for name in one["heavy"]})
    print(
        f"\nat most {most:.3f} s for the request, budget {BUDGET_SECONDS} s; "
        f"imported: {', '.join(heavy) or 'neither TensorFlow nor Keras'}"
    )


if __name__ == "__main__":
    main()
