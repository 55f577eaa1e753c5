"""How well lungs are found, what a film costs, and what is refused.

    python bench/lungs.py FOLDER [--darwin FOLDER] [--others FOLDER] [--folds K --epochs N]

FOLDER holds `images/`, `masks/` and `patients.csv` (image, patient). With `--folds` a network is
trained for each of the first K of five parts of the patients (needs the package onnx) and judged
on that part; without, the network in the package is judged on films that it was trained on.
`--darwin` is a Darwin dataset with polygons, of which films that are also in FOLDER are left out.
`--others` holds pictures that are to be refused.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, images, lungs  # noqa: E402
from cxrcore.datasets import demo, masks  # noqa: E402
from cxrcore.lungs.segmentation import Network  # noqa: E402

Pair = tuple[np.ndarray, np.ndarray]  # gray; lungs as people drew them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--darwin", type=Path)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=28)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    drawn = {
        path.stem: (gray := images.decode(path),
                    images.read_mask(asked.folder / "masks" / f"{path.stem}.png", gray.shape))
        for path in sorted((asked.folder / "images").iterdir())
    }  # fmt: skip
    cost(next(iter(drawn.values()))[0])
    if asked.folds:
        held_back(asked, drawn)
    else:
        told("drawn by people (in training)", drawn.values())
    told("simulated thorax", simulated())
    if asked.darwin:
        told("Darwin polygons, others", darwin(asked.darwin, drawn.values()))
    if asked.others:
        refused(asked.others)


def cost(gray: np.ndarray) -> None:
    """Milliseconds on one thread, and the memory of a process that finds lungs."""
    lungs.segment(gray)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        lungs.segment(gray)
        times.append(time.perf_counter() - start)
    code = (
        "import psutil, numpy as np; from cxrcore.lungs import segmentation; own = psutil.Process(); base = "
        "own.memory_info().rss; segmentation.segment(np.arange(250_000).astype(np.uint8)"
        ".reshape(500, 500)); print(base, own.memory_info().rss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    base, most = (int(size) / 1e6 for size in done.stdout.split())
    print(f"{1e3 * np.median(times):.0f} ms a film on one thread ({1e3 * min(times):.0f} at best);")
    print(f"{most:.0f} MB for the process, of which {most - base:.0f} MB for network and film")


def held_back(asked: argparse.Namespace, drawn: dict[str, Pair]) -> None:
    """Train without every fifth patient, judge on those."""
    from cxrcore.lungs import conversion, train

    table = pd.read_csv(asked.folder / "patients.csv", dtype=str)
    patient = {
        Path(name).stem: who for name, who in zip(table["image"], table["patient"], strict=True)
    }
    order = np.random.default_rng(0).permutation(sorted(set(patient.values())))
    part = {who: number % 5 for number, who in enumerate(order)}
    every = train.read_pairs(asked.folder / "images", asked.folder / "masks", set())
    phantoms = train.simulated()
    others = train.read_others(asked.others)
    scores: list[float] = []
    for fold in range(asked.folds):
        films = [film for stem, film in every.items() if part[patient[stem]] != fold]
        model = train.fit([*films, *phantoms], others, asked.epochs)
        run = Network(conversion.onnx_bytes(model))
        held = [pair for stem, pair in drawn.items() if part[patient[stem]] == fold]
        scores += told(f"held back, part {fold + 1} of 5", held, run)
    summary("held back, together", scores)


def told(what: str, pairs: Iterable[Pair], run: Network | None = None) -> list[float]:
    """Print Dice, refusals and whether confidence knows which masks are good."""
    scores, sure, without = [], [], 0
    for gray, exact in pairs:
        found = lungs.segment(gray, run)
        if found.reason is not None:
            without += 1
            continue
        mask = found.mask > 0
        scores.append(2 * np.count_nonzero(mask & exact) / (np.count_nonzero(mask) + exact.sum()))
        sure.append(found.confidence)
    summary(what, scores)
    rank = pd.Series(scores).corr(pd.Series(sure), method="spearman")
    print(
        f"    refused {without}; confidence {min(sure):.2f} to {max(sure):.2f}, its rank correlation with Dice {rank:.2f}"
    )
    return scores


def summary(what: str, scores: list[float]) -> None:
    found = np.array(scores)
    print(
        f"{what}: {len(found)} films, Dice {found.mean():.3f}, median {np.median(found):.3f}, lowest "
        f"{found.min():.3f}, under 0.90: {(found < 0.9).sum()} ({np.mean(found < 0.9):.1%})",
        flush=True,
    )


def simulated() -> Iterable[Pair]:
    """Films of a seed that no training has seen."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = demo.make(Path(folder) / "films", patients=3, seed=77, size=256)
        for path in sorted(root.glob("*/images/*.png")):
            gray = images.decode(path)
            yield gray, images.read_mask(path.parents[1] / "masks" / path.name, gray.shape)


def darwin(folder: Path, known: Iterable[Pair]) -> Iterable[Pair]:
    """Films with two polygons that are not, in another encoding, among the known ones."""
    small = np.stack([_signature(gray) for gray, _ in known])
    dataset = datasets.load(folder)
    for row in dataset.table.dropna(subset="mask").itertuples():
        gray = images.decode(dataset.path_of(row))
        exact = masks.read(dataset.mask_of(row), gray.shape)
        if (small @ _signature(gray)).max() < 0.97 and exact.any():
            yield gray, exact


def _signature(gray: np.ndarray) -> np.ndarray:
    values = images.resize(gray, 32).astype(np.float32).ravel()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def refused(folder: Path) -> None:
    """Print which pictures got a mask although they are no frontal films."""
    paths = sorted(folder.iterdir())
    accepted = [path.name for path in paths if lungs.segment(images.decode(path)).reason is None]
    print(f"other pictures: {len(paths) - len(accepted)} of {len(paths)} refused; not: {accepted}")


if __name__ == "__main__":
    main()
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB at most for this run")
