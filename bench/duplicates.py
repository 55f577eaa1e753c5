"""Near duplicates: what is found of known pairs, what else is found, and how long it takes.

    python bench/duplicates.py found [../shared/data] [--copies 40]
    python bench/duplicates.py speed [../shared/data] [--count 20000]

Both need the real images: pairs that share a file's stem (Cohen, V7 by its original names,
the three-class set). `found` also makes copies of some images. `speed` hides the real images
among as many others as asked for: each is made of two real ones, cut at random, perhaps
mirrored, and blended by a random mask; one in a hundred is there twice. It prints the seconds
of each stage, the memory, and how many of the known pairs were found. Data folders of its own
are deleted afterwards.
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
from cxrcore.index.measurement import thumbnail_file  # noqa: E402
from cxrcore.progress import Progress  # noqa: E402

Gray = np.ndarray


def crop(left: float, top: float, right: float, bottom: float) -> Callable[[Gray], Gray]:
    def cut(gray: Gray) -> Gray:
        height, width = gray.shape
        rows = slice(round(top * height), round((1 - bottom) * height))
        return gray[rows, round(left * width) : round((1 - right) * width)]

    return cut


def part(area: float) -> Callable[[Gray], Gray]:
    """A crop anywhere in the image, whose proportions differ from the image's by up to a quarter."""

    def cut(gray: Gray) -> Gray:
        rng = np.random.default_rng(int(gray.sum()))
        width = min(1, area**0.5 * np.exp(rng.uniform(-0.12, 0.12)))
        width = max(width, area)
        left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - area / width)
        return crop(left, top, 1 - left - width, 1 - top - area / width)(gray)

    return cut


def mirrored(gray: Gray) -> Gray:
    return np.ascontiguousarray(gray[:, ::-1])


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
    **{f"crop of {share:.0%}": part(share) for share in (0.85, 0.7, 0.55)},
    "cut 20 % at the top": crop(0, 0.2, 0, 0),
    "cut 25 % at one side": crop(0.25, 0, 0, 0),
    "black frame": framed(0),
    "white frame": framed(255),
    "turned 2 degrees": turned(2),
    "turned 5 degrees": turned(5),
    "mirrored": mirrored,
    "mirrored, crop of 70%": lambda g: part(0.7)(mirrored(g)),
    "mirrored, crop of 55%": lambda g: part(0.55)(mirrored(g)),
    "turned 3 degrees, crop of 70%": lambda g: part(0.7)(turned(3)(g)),
}


def stems(dataset: datasets.Dataset) -> dict[str, str]:
    """image_id -> the file's first name without its ending."""
    table = dataset.table
    names = table["path"]
    if "original_name" in table:
        names = table["original_name"].fillna(names)
    return dict(zip(table["image_id"], [Path(n).stem.lower() for n in names], strict=True))


def real_sets(folder: Path) -> dict[str, datasets.Dataset]:
    """The three collections in which some films are known to be shared."""
    return {
        "cxr3": datasets.load(folder / "cxr3"),
        "Cohen": datasets.load(folder / "ieee8023-covid-chestxray-dataset"),
        "V7": datasets.load(folder / "v7-covid-19-chest-x-ray-dataset", options={"keep_all": True}),
    }


def known_pairs(folder: Path) -> datasets.Dataset:
    """Prints what is found of the pairs that share a stem; returns the three-class set."""
    sets = real_sets(folder)
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


def made_copies(dataset: datasets.Dataset, folder: Path, copies_of: int) -> None:
    """Prints how many of the copies made here are found, by kind."""
    chosen = dataset.table["image_id"].iloc[:: max(1, len(dataset.table) // copies_of)]
    for number, change in enumerate(MADE.values()):
        for image_id in chosen:
            path = folder / f"k{number:02d}" / f"{image_id}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), change(images.decode(dataset.path_of(image_id))))
    copies = datasets.load(folder)
    found = duplicates.between(dataset, index.measure(dataset), copies, index.measure(copies))
    truth = {row.image_id: Path(row.path).stem for row in copies.table.itertuples()}
    own = found["second"].map(truth)
    # Films of the dataset that are one film: a copy of one is a copy of the other as well.
    groups = duplicates.find(dataset, index.measure(dataset)).groups
    film = dataset.table["image_id"].map(groups.map("group {}".format))
    film = film.fillna(dataset.table["image_id"]).set_axis(dataset.table["image_id"])
    right = found[found["first"] == own]
    kinds = copies.table.set_index("image_id")["label"]
    counts = kinds.loc[right["second"]].value_counts()
    least = right.groupby(kinds.loc[right["second"]].to_numpy())["correlation"].min()
    print(f"copies made of {len(chosen)} images of {dataset.name}: found, least correlation")
    for number, kind in enumerate(MADE):
        key = f"k{number:02d}"
        total = int((kinds == key).sum())
        print(f"   {kind:<30}{counts.get(key, 0):>5} of {total}{least.get(key, np.nan):>8.3f}")
    wrong = found[found["first"].map(film) != own.map(film)]
    print(
        f"   recall {len(right) / len(copies.table):.4f}, precision {1 - len(wrong) / len(found):.4f}"
        f" ({len(wrong)} of {len(found)} pairs are of two films)"
    )
    names = {
        tuple(sorted((dataset.path_of(a).name, dataset.path_of(truth[b]).name)))
        for a, b in zip(wrong["first"], wrong["second"], strict=True)
    }
    print(f"   found with another image: {len(wrong)} pairs, of {sorted(names)}")


def blended(rng: np.random.Generator, grays: list[Gray]) -> Gray:
    """A picture of two others, unlike any other blend."""
    mask = cv2.resize(rng.normal(0, 2, (4, 4)), (128, 128), interpolation=cv2.INTER_CUBIC)
    share = 1 / (1 + np.exp(-mask))
    parts = []
    for i in rng.choice(len(grays), 2, replace=False):
        left, top, right, bottom = rng.uniform(0, 0.15, 4)
        part = crop(left, top, right, bottom)(grays[i])[:, :: rng.choice((-1, 1))]
        parts.append(cv2.resize(np.ascontiguousarray(part), (128, 128)).astype(np.float32))
    return (share * parts[0] + (1 - share) * parts[1]).round().astype(np.uint8)


def crowd(folder: Path, count: int, data: Path) -> tuple[datasets.Dataset, index.Index, set]:
    """The real images and `count` blends as one dataset, its index, and the known pairs."""
    rng = np.random.default_rng(0)
    rows, names, grays = [], {}, []
    for dataset in real_sets(folder).values():
        hashes = index.measure(dataset).table["phash"]
        names.update((key, (dataset.name, stem)) for key, stem in stems(dataset).items())
        for row, phash in zip(dataset.table.itertuples(), hashes, strict=True):
            path = str(dataset.path_of(row.image_id))
            rows.append({"image_id": row.image_id, "path": path, "label": "A", "phash": phash})
            thumbnail = cv2.imread(str(thumbnail_file(data, row.image_id)), cv2.IMREAD_GRAYSCALE)
            grays.append(thumbnail)
    known = {
        (a, b) if a < b else (b, a)
        for a, b in itertools.combinations(names, 2)
        if names[a][1] == names[b][1] and names[a][0] != names[b][0]
    }
    rows = list({row["image_id"]: row for row in rows}.values())
    made = grays[0]
    for number in range(count):
        made = blended(rng, grays) if number % 100 != 1 else crop(0.05, 0, 0, 0.06)(made)
        image_id = f"{number:032x}"
        path = thumbnail_file(data, image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.thumbnail(made))
        rows.append({"image_id": image_id, "path": str(path), "label": "A"})
    frame = pd.DataFrame(rows)
    table = build_table(frame.drop(columns="phash").to_dict("records"))
    hashes = table["image_id"].map(frame.set_index("image_id")["phash"]).astype("string")
    found = pd.DataFrame({"image_id": table["image_id"], "phash": hashes}).assign(error=pd.NA)
    dataset = datasets.Dataset("crowd", data, "folders", table, ("A",))
    return dataset, index.Index(found, table["path"], dataset.fingerprint), known


def speed(folder: Path, count: int, data: Path) -> None:
    dataset, measured, known = crowd(folder, count, data)
    search.read_gray = lambda path, _: images.decode(path)  # made images are not named by content
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
    pairs = set(zip(found.pairs["first"], found.pairs["second"], strict=True))
    twice = {(f"{n:032x}", f"{n + 1:032x}") for n in range(0, count - 1, 100)}
    print(f"   known pairs found: {len(known & pairs)} of {len(known)}")
    print(f"   blends that are there twice found: {len(twice & pairs)} of {len(twice)}")
    print(f"   other pairs: {len(pairs - known - twice)}")
    print(f"peak memory {peak_mb():,.0f} MB ({before:,.0f} MB before)")


def peak_mb() -> float:
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("found", "speed"))
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared" / "data")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--copies", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as made:
        os.environ["CXR_DATA"] = data
        if options.what == "speed":
            speed(options.folder, options.count, Path(data))
        else:
            made_copies(known_pairs(options.folder), Path(made), options.copies)


if __name__ == "__main__":
    main()
