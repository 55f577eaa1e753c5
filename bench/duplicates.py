"""Near duplicates: what is found of known pairs, what else is found, and how long it takes.

    python bench/duplicates.py found [../shared/data]
    python bench/duplicates.py speed FOLDER [--count 20000]

`found` needs the real images: pairs that share a file's stem (Cohen, V7 by its original names,
the three-class set) and copies made here of forty images. `speed` compares as many distinct
thumbnails as asked for, each a blend of two images of the folder, one in a hundred there twice.
Data folders of its own are deleted afterwards.
"""

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, duplicates, images, index  # noqa: E402
from cxrcore.datasets.table import build_table  # noqa: E402
from cxrcore.duplicates import search  # noqa: E402
from cxrcore.index.measuring import thumbnail_file  # noqa: E402
from cxrcore.progress import Progress  # noqa: E402

COPIES = 40
Gray = np.ndarray


def crop(left: float, top: float, right: float, bottom: float) -> Callable[[Gray], Gray]:
    def cut(gray: Gray) -> Gray:
        height, width = gray.shape
        rows = slice(round(top * height), round((1 - bottom) * height))
        return gray[rows, round(left * width) : round((1 - right) * width)]

    return cut


def framed(value: int) -> Callable[[Gray], Gray]:
    def frame(gray: Gray) -> Gray:
        width = round(0.1 * max(gray.shape))
        return cv2.copyMakeBorder(gray, *[width] * 4, cv2.BORDER_CONSTANT, value=value)

    return frame


def turned(degrees: float) -> Callable[[Gray], Gray]:
    def turn(gray: Gray) -> Gray:
        height, width = gray.shape
        around = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(gray, around, (width, height))

    return turn


def lettered(gray: Gray) -> Gray:
    size = max(gray.shape) / 200
    return cv2.putText(gray.copy(), "L A1", (8, round(40 * size)), 0, size, 255, 4)


def scaled(share: float) -> Callable[[Gray], Gray]:
    return lambda g: cv2.resize(g, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def powered(gamma: float) -> Callable[[Gray], Gray]:
    return lambda g: np.round(255 * (g / 255.0) ** gamma).astype(np.uint8)


def windowed(gray: Gray) -> Gray:
    low, high = np.percentile(gray, (10, 90))
    return (255 * np.clip((gray - low) / max(high - low, 1), 0, 1)).astype(np.uint8)


MADE: dict[str, Callable[[Gray], Gray]] = {
    "JPEG quality 20": lambda g: cv2.imdecode(
        cv2.imencode(".jpg", g, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_GRAYSCALE
    ),
    "half size": scaled(0.5),
    "quarter size": scaled(0.25),
    "224 x 224": lambda g: images.resize(g, 224),
    "gamma 0.5": powered(0.5),
    "gamma 2": powered(2.0),
    "window 10-90 %": windowed,
    "equalised": cv2.equalizeHist,
    "CLAHE": lambda g: cv2.createCLAHE(4.0, (8, 8)).apply(g),
    "inverted": lambda g: 255 - g,
    "letters": lettered,
    "cut 5 % all round": crop(0.05, 0.05, 0.05, 0.05),
    "cut 10 % all round": crop(0.1, 0.1, 0.1, 0.1),
    "cut 15 % all round": crop(0.15, 0.15, 0.15, 0.15),
    "cut 20 % at the top": crop(0, 0.2, 0, 0),
    "cut 25 % at one side": crop(0.25, 0, 0, 0),
    "black frame": framed(0),
    "white frame": framed(255),
    "turned 2 degrees": turned(2),
    "turned 5 degrees": turned(5),
    "mirrored": lambda g: np.ascontiguousarray(g[:, ::-1]),
}


def stems(dataset: datasets.Dataset) -> dict[str, str]:
    """image_id -> the file's first name without its ending."""
    table = dataset.table
    names = table["path"]
    if "original_name" in table:
        names = table["original_name"].fillna(names)
    return dict(zip(table["image_id"], [Path(n).stem.lower() for n in names], strict=True))


def known_pairs(folder: Path) -> datasets.Dataset:
    """Prints what is found of the pairs that share a stem; returns the three-class set."""
    sets = {
        "cxr3": datasets.load(folder / "cxr3"),
        "Cohen": datasets.load(folder / "ieee8023-covid-chestxray-dataset"),
        "V7": datasets.load(folder / "v7-covid-19-chest-x-ray-dataset", options={"keep_all": True}),
    }
    measured = {name: index.measure(dataset) for name, dataset in sets.items()}
    for one, other in itertools.combinations(sets, 2):
        left, right = stems(sets[one]), stems(sets[other])
        true = {(a, b) for a, b in itertools.product(left, right) if left[a] == right[b]}
        start = time.perf_counter()
        found = duplicates.between(sets[one], measured[one], sets[other], measured[other])
        seconds = time.perf_counter() - start
        pairs = set(zip(found["first"], found["second"], strict=True))
        least = found["correlation"].min()
        print(
            f"{one} and {other}: {len(true)} pairs share a stem, {len(true & pairs)} found; "
            f"{len(pairs - true)} others; least correlation {least:.3f}; {seconds:.1f} s"
        )
        for a, b in sorted(pairs - true):
            print(f"   other: {sets[one].path_of(a)} {sets[other].path_of(b)}")
        for a, b in sorted(true - pairs):
            print(f"   missed: {sets[one].path_of(a)} {sets[other].path_of(b)}")
    for name, dataset in sets.items():
        start = time.perf_counter()
        within = duplicates.find(dataset, measured[name])
        count = len(dataset.table)
        print(
            f"within {name}: {len(within.pairs)} of {count * (count - 1) // 2:,} pairs, "
            f"{time.perf_counter() - start:.1f} s"
        )
        for pair in within.pairs.itertuples():
            paths = dataset.path_of(pair.first).name, dataset.path_of(pair.second).name
            print(f"   {pair.correlation:.3f} {pair.bits} bits: {paths[0]} {paths[1]}")
    return sets["cxr3"]


def made_copies(dataset: datasets.Dataset, folder: Path) -> None:
    """Prints how many of the copies made here are found, by kind."""
    chosen = dataset.table["image_id"].iloc[:: max(1, len(dataset.table) // COPIES)]
    for number, change in enumerate(MADE.values()):
        for image_id in chosen:
            path = folder / f"k{number:02d}" / f"{image_id}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), change(images.decode(dataset.path_of(image_id))))
    copies = datasets.load(folder)
    found = duplicates.between(dataset, index.measure(dataset), copies, index.measure(copies))
    truth = {row.image_id: Path(row.path).stem for row in copies.table.itertuples()}
    right = found[found["first"] == found["second"].map(truth)]
    kinds = copies.table.set_index("image_id")["label"]
    counts = kinds.loc[right["second"]].value_counts()
    least = right.groupby(kinds.loc[right["second"]].to_numpy())["correlation"].min()
    print(f"copies made of {len(chosen)} images of {dataset.name}: found, least correlation")
    for number, kind in enumerate(MADE):
        key = f"k{number:02d}"
        total = int((kinds == key).sum())
        print(f"   {kind:<22}{counts.get(key, 0):>5} of {total}{least.get(key, np.nan):>8.3f}")
    wrong = found[found["first"] != found["second"].map(truth)]
    names = {
        tuple(sorted((dataset.path_of(a).name, dataset.path_of(truth[b]).name)))
        for a, b in zip(wrong["first"], wrong["second"], strict=True)
    }
    print(f"   found with another image: {len(wrong)} pairs, of {sorted(names)}")


def blends(folder: Path, count: int, data: Path) -> tuple[datasets.Dataset, index.Index]:
    """A dataset of `count` thumbnails that are also its files, and its index."""
    rng = np.random.default_rng(0)
    base = datasets.load(folder)
    paths = [base.path_of(row) for row in base.table.itertuples()]
    paths = [paths[i] for i in rng.permutation(len(paths))[:400]]
    grays = [images.resize(images.decode(path), 160) for path in paths]
    rows = []
    (data / "blends").mkdir()
    while len(rows) < count:
        i, j = rng.choice(len(grays), 2, replace=False)
        left, top = rng.integers(0, 16, 2)
        other = grays[j][top : top + 144, left : left + 144]
        mixed = cv2.addWeighted(grays[i][8:152, 8:152], 0.5, other, 0.5, 0)
        shapes = [mixed] if len(rows) % 100 else [mixed, mixed[8:, 6:]]
        for gray in shapes:
            image_id = f"{len(rows):032x}"
            path = thumbnail_file(data, image_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(images.thumbnail(gray))
            rows.append({"image_id": image_id, "path": f"{image_id}.jpg", "label": "A"})
    table = build_table(rows)
    found = pd.DataFrame({"image_id": table["image_id"]}).assign(phash=pd.NA, error=pd.NA)
    dataset = datasets.Dataset("blends", data, "folders", table, ("A",))
    return dataset, index.Index(found, np.zeros((len(rows), 256), np.uint32), table["path"])


def speed(folder: Path, count: int, data: Path) -> None:
    dataset, measured = blends(folder, count, data)
    search.read_gray = lambda path, _: images.decode(thumbnail_file(data, path.stem))
    before = peak_mb()
    stages: dict[str, float] = {}
    last = [time.perf_counter()]

    def report(progress: Progress) -> None:
        now = time.perf_counter()
        stages[progress.stage] = stages.get(progress.stage, 0) + now - last[0]
        stages[f"{progress.stage}, of"] = progress.total
        last[0] = now

    start, busy = time.perf_counter(), time.process_time()
    found = duplicates.find(dataset, measured, report=report)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(
        f"{len(dataset.table):,} thumbnails: {seconds:.1f} s ({busy:.1f} s of processor time), "
        f"{len(found.pairs)} pairs"
    )
    for stage, value in stages.items():
        print(f"   {stage}: {value:,.1f}")
    print(f"peak memory {peak_mb():,.0f} MB ({before:,.0f} MB before)")


def peak_mb() -> float:
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("found", "speed"))
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared" / "data")
    parser.add_argument("--count", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as made:
        os.environ["CXR_DATA"] = data
        if options.what == "speed":
            speed(options.folder, options.count, Path(data))
        else:
            made_copies(known_pairs(options.folder), Path(made))


if __name__ == "__main__":
    main()
