"""How well lungs are found, what a film costs, and what is refused.

    python bench/lungs.py FOLDER [--darwin FOLDER] [--others FOLDER] [--folds K --epochs N]

FOLDER holds `images/`, `masks/` and `patients.csv` (image, patient). With `--folds` a network is
trained for each of the first K of five parts of the patients (needs the package onnx) and judged
on that part; without, the network in the package is judged on films that it was trained on.
`--darwin` is a Darwin dataset with polygons, of which films that are also in FOLDER are left out.
`--others` holds pictures that are to be refused.

    python bench/lungs.py FOLDER --many 20000 [--workers N]

estimates masks of so many films: those of FOLDER at 512 px, each with other noise, since masks are
kept by content. The process is killed (SIGKILL, with those that it started) after a third and after
two thirds of them, then resumed.
"""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil

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
    parser.add_argument("--epochs", type=int, help="by default as the network in the package")
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.many:
        many(asked.folder, asked.many, asked.workers)
        return
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
        model = train.fit([*films, *phantoms], others, asked.epochs or train.EPOCHS)
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


def many(folder: Path, count: int, workers: int | None) -> None:
    """Time, memory and losses of a search for the lungs of many films that is killed twice."""
    with tempfile.TemporaryDirectory() as made:
        films, data = Path(made) / "films", Path(made) / "data"
        varied(folder, films, count)
        seconds = one_film(films)
        limit = workers or len(os.sched_getaffinity(0))
        predicted = seconds * count / limit
        print(
            f"{count:,} films; predicted {predicted:.0f} s ({1e3 * seconds:.0f} ms a film, {limit} processes)"
        )
        taken, before = 0.0, 0
        for part in (1 / 3, 2 / 3, None):
            start = time.perf_counter()
            goal = round(count * (part or 1))
            most, early = attempt(films, data, workers, goal, part is not None)
            taken += time.perf_counter() - start
            done = len(verdicts(data))
            how = "killed" if part else "ended"
            print(f"{how} after {time.perf_counter() - start:.0f} s with {done:,} films done, {done - before:,} of "
                  f"them new; memory of all processes {early:.0f} MB at a tenth, {most:.0f} MB at most", flush=True)  # fmt: skip
            before = done
        print(f"{taken:.0f} s in all, {taken / predicted:.2f} of what was predicted")
        code = f"from cxrcore import datasets, lungs; print(len(lungs.load(datasets.load({str(films)!r})).table))"
        found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=_settings(data),
                               capture_output=True, text=True, check=True)  # fmt: skip
        print(f"films in the table: {int(found.stdout):,}")


def varied(folder: Path, films: Path, count: int) -> None:
    """Write so many JPEGs of films at 512 px, in two classes, no two alike."""
    sources = [images.decode(path) for path in sorted((folder / "images").iterdir())]
    small = [images.resize(gray, 512).astype(np.int16) for gray in sources]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, (1024, 1024)).astype(np.int16)
    places = rng.permutation(512 * 512)
    for number in range(count):
        down, across = divmod(int(places[number]), 512)
        gray = small[number % len(small)] + noise[down : down + 512, across : across + 512]
        place = films / "AB"[number % 2] / f"{number:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), np.clip(gray, 0, 255).astype(np.uint8))


def one_film(films: Path) -> float:
    """Seconds of a film, read and segmented, on one thread; the median of 30."""
    paths = sorted(films.glob("*/*.jpg"))[:31]
    times = []
    for path in paths:
        start = time.perf_counter()
        lungs.segment(images.decode(path))
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def attempt(
    films: Path, data: Path, workers: int | None, goal: int, kill: bool
) -> tuple[float, float]:
    """Look for lungs in a process of its own, which may be killed once `goal` films are done.

    Returns the memory of all its processes in MB: the most, and when a tenth was done.
    """
    code = f"from cxrcore import datasets, lungs; lungs.estimate(datasets.load({str(films)!r}), workers={workers})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=_settings(data), start_new_session=True)  # fmt: skip
    before, sizes = len(verdicts(data)), []
    early = 0.0
    while process.poll() is None:
        time.sleep(1)
        done = len(verdicts(data))
        sizes.append(memory(process.pid))
        if not early and done - before > 0.1 * (goal - before):
            early = sizes[-1]
        if kill and done >= goal:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return max(sizes), early


def memory(pid: int) -> float:
    """Proportional memory (PSS) of a process and its children in MB: shared pages count once."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total / 1e6


def verdicts(data: Path) -> list[Path]:
    return list((data / "lungs").glob("*/*/*.json"))


def _settings(data: Path) -> dict[str, str]:
    return os.environ | {"CXR_DATA": str(data)}


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
