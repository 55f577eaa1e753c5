"""Memory of a training: the same network and batch on few and on many images.

    python bench/memory.py [--images 1000 20000] [--recipe cnn-plain] [--size 96] [--batch 32]

Each training runs in a process of its own with an empty store and data folder, as a job would,
for one epoch, on synthetic images none of which is a duplicate of another. Printed is the most
that its process held in each stage (resident set, reset between stages; pages of files that are
mapped count, too), the most of all stages, and the most of the process and its helpers together
(proportional set size). The aim: with 20 times the images within 15 % while it trains.

Linux only. The 20,000 images take some minutes, most of them for measuring.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import memory_mb, synthetic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TRAINING = ("training", "evaluating", "saving")
AIM = 1.15


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most that this process held since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("this system does not tell the peak of a process")


def train(options: argparse.Namespace) -> None:
    """Train in this process and print the peaks by stage as JSON."""
    from cxrcore import datasets, models, training

    changes = {"image_size": options.size, "batch_size": options.batch, "epochs": 1}
    dataset = datasets.load(options.train)
    spec = training.plan(models.get(options.recipe).override(weights="random", **changes), dataset)
    peaks: dict[str, float] = {}
    stage = "starting"

    def report(told: training.TrainingProgress) -> None:
        nonlocal stage
        if told.stage != stage:
            peaks[stage] = max(peaks.get(stage, 0.0), peak_mb())
            reset_peak()
            stage = told.stage

    begun = time.monotonic()
    reset_peak()
    run = training.train(spec, report=report, precision=options.precision)
    peaks[stage] = peak_mb()
    told = {"peaks": peaks, "seconds": time.monotonic() - begun, "rate": run.images_per_second}
    print(json.dumps(told))


def measured(count: int, arguments: list[str]) -> dict:
    """The peaks of one training in a process of its own; `together` with its helpers."""
    with tempfile.TemporaryDirectory(prefix="cxr-memory-") as temporary:
        folder = Path(temporary)
        synthetic(folder / "images", count, distinct=True)
        places = {"CXR_DATA": str(folder / "data"), "CXR_MODELS": str(folder / "models")}
        process = subprocess.Popen(
            [sys.executable, __file__, "--train", str(folder / "images"), *arguments],
            env={**os.environ, **places, "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        together = [0.0]

        def watch() -> None:
            while process.poll() is None:
                together.append(memory_mb(process.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.communicate()[0]
        watcher.join()
    if process.returncode:
        raise SystemExit(f"the training of {count:,} images failed")
    return {**json.loads(said.splitlines()[-1]), "together": max(together)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs=2, default=(1_000, 20_000))
    parser.add_argument("--recipe", default="cnn-plain")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        return train(options)
    same = [f"--{name}={getattr(options, name)}" for name in ("recipe", "size", "batch")]
    same.append(f"--precision={options.precision}")
    few, many = options.images
    found = []
    for count in (few, many):
        found.append(measured(count, same))
        print(
            f"{count:,} images: {found[-1]['seconds']:.0f} s, {found[-1]['rate']:.0f} images/s",
            flush=True,
        )
    table(few, many, *found)


def table(few: int, many: int, small: dict, large: dict) -> None:
    print(f"\n{'MB at most while':<28}{few:>14,}{many:>14,}{'ratio':>8}")
    rows = [(stage, small["peaks"][stage], large["peaks"][stage]) for stage in small["peaks"]]
    trains = [max(peaks["peaks"][stage] for stage in TRAINING) for peaks in (small, large)]
    rows.append(("it trains, scores and saves", *trains))
    rows.append(("all stages", max(small["peaks"].values()), max(large["peaks"].values())))
    rows.append(("all, helpers included (PSS)", small["together"], large["together"]))
    for name, one, other in rows:
        print(f"{name:<28}{one:>14,.0f}{other:>14,.0f}{other / one:>8.2f}")
    ratio = trains[1] / trains[0]
    print(
        f"\nwhile it trains: {ratio:.2f} times, {'within' if ratio <= AIM else 'NOT within'} 15 %"
    )


if __name__ == "__main__":
    main()
