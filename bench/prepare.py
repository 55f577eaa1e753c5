"""Preparing images: the studies' loop beside ours on the same real files, stage by stage.

    python bench/prepare.py [--images 16] [--copies 8] [--no-memory]

The studies draw each image's lungs from its V7 Darwin JSON, write the mask, black out the rest,
resize to 200 pixels and score the result with BRISQUE: a loop of scripts with a file between
every two, on one thread. Here that loop and ours run on the same files in this process, then
ours again as users run it, with all cores and into an empty data folder (of --copies of every
file, since fewer images would not occupy them). The studies' BRISQUE is
tests/quality/reference_brisque.py, which does what image-quality 1.2.7 does in its way.

Budget: at least 60 times the studies' loop in all, at least 50 times for BRISQUE alone at 200
and 512 pixels, no score off by 0.01; memory does not grow from 2,000 to 20,000 images.

Real files: ../shared/data/v7-covid-19-chest-x-ray-dataset, laid out as by `darwin dataset pull`.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import Peak, synthetic
from PIL import Image
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, images, pixels, quality  # noqa: E402
from cxrcore.datasets import masks  # noqa: E402
from cxrcore.index.measurement import read_gray  # noqa: E402

REAL = ROOT.parent / "shared" / "data" / "v7-covid-19-chest-x-ray-dataset"
SIZE = 200
SCORED_AT = (200, 512)
STAGES = ("draw the mask", "apply it", "resize", "BRISQUE", "histogram")
MEMORY_OF = (2_000, 20_000)  # images


class Stages:
    """Milliseconds an image spent in each stage, in all images together."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = defaultdict(float)

    def run(self, stage: str, function: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = function()
        self.ms[stage] += 1000 * (time.perf_counter() - start)
        return result


def reference() -> Callable[[np.ndarray], float]:
    path = ROOT / "tests" / "quality" / "reference_brisque.py"
    spec = importlib.util.spec_from_file_location("reference_brisque", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda gray: module.score(gray, as_costly=True)


# --- the studies' loop ----------------------------------------------------------------------


def theirs_draw(annotation: Path, out: Path) -> None:
    """The two Lung polygons of a JSON file as a PNG of the size that they were drawn on."""
    from skimage.draw import polygon2mask

    record = json.loads(annotation.read_text())
    shape = record["image"]["height"], record["image"]["width"]
    mask = np.zeros(shape, bool)
    for drawn in record["annotations"]:
        if drawn["name"] == "Lung":
            points = [[point["y"], point["x"]] for point in drawn["polygon"]["path"]]
            mask |= polygon2mask(shape, np.array(points))
    cv2.imwrite(str(out), mask.astype(np.uint8) * 255)


def theirs_apply(image: Path, mask: Path, out: Path) -> None:
    gray = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    inside = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(out), cv2.bitwise_and(gray, gray, mask=inside))


def theirs_resize(image: Path, out: Path) -> None:
    Image.open(image).resize((SIZE, SIZE)).save(out)


def theirs(row: Any, dataset: datasets.Dataset, folder: Path, score: Any, spent: Stages) -> Path:
    """All stages on one image; the file of the mask it drew."""
    mask, masked, small = (folder / f"{name}.png" for name in ("mask", "masked", "small"))
    annotation = masks.file_of(dataset.mask_of(row))
    spent.run("draw the mask", lambda: theirs_draw(annotation, mask))
    spent.run("apply it", lambda: theirs_apply(dataset.path_of(row), mask, masked))
    spent.run("resize", lambda: theirs_resize(masked, small))
    spent.run("BRISQUE", lambda: score(np.asarray(Image.open(small))))
    spent.run("histogram", lambda: np.histogram(np.asarray(Image.open(small)), 256, (0, 256)))
    return mask


# --- ours -----------------------------------------------------------------------------------


def ours(row: Any, dataset: datasets.Dataset, spent: Stages) -> tuple[np.ndarray, np.ndarray]:
    """All stages on one image; its mask and its lungs on black, both at full size."""
    path, mask_file = dataset.path_of(row), dataset.mask_of(row)
    gray = spent.run("apply it", lambda: read_gray(path, row.image_id))  # as theirs: it decodes
    mask = spent.run("draw the mask", lambda: masks.read(mask_file, gray.shape))
    lungs = spent.run("apply it", lambda: images.apply_region(gray, mask, "lungs"))
    small = spent.run("resize", lambda: images.resize(lungs, SIZE))
    spent.run("BRISQUE", lambda: quality.brisque(small))
    spent.run("histogram", lambda: quality.histogram(small))
    return mask, lungs


def compare(dataset: datasets.Dataset, count: int) -> float:
    """Print both loops stage by stage; the studies' ms an image."""
    rows = list(dataset.table.itertuples())
    rows = [rows[number * len(rows) // count] for number in range(count)]
    score, spent = reference(), (Stages(), Stages())
    score(images.resize(ours(rows[0], dataset, Stages())[1], SIZE))  # what is loaded once
    differing = []
    worst = 0.0
    singles = {size: [0.0, 0.0] for size in SCORED_AT}
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows):
            drawn = theirs(row, dataset, Path(folder), score, spent[0])
            mask, lungs = ours(row, dataset, spent[1])
            drawn_mask = cv2.imread(str(drawn), cv2.IMREAD_GRAYSCALE) > 0
            differing.append(float((drawn_mask != mask).mean()))
            for size in SCORED_AT if number < 6 else SCORED_AT[:1]:
                worst = max(worst, _scored(images.resize(lungs, size), score, singles[size]))
    table(count, *spent)
    for size, (their_ms, our_ms) in singles.items():
        told = f"BRISQUE alone at {size} px, one thread"
        print(f"{told:<40}{their_ms / our_ms:>8.0f} times as fast")
    print(f"{'greatest difference of a score':<40}{worst:>8.1e}")
    share = 100 * float(np.mean(differing))
    print(f"{'pixels that the two masks differ in':<40}{share:>8.2f} %\n")
    return sum(spent[0].ms.values()) / count


def _scored(gray: np.ndarray, score: Any, ms: list[float]) -> float:
    """Add the times of scoring the same pixels; how far the two scores differ."""
    times, results = ([], []), [0.0, 0.0]
    for which, function, repeat in ((0, score, 1), (1, quality.brisque, 3)):
        for _ in range(repeat):
            start = time.perf_counter()
            results[which] = function(gray)
            times[which].append(1000 * (time.perf_counter() - start))
        ms[which] += float(np.median(times[which]))
    return abs(results[0] - results[1])


def table(count: int, their: Stages, our: Stages) -> None:
    print(f"{count} images, one thread, ms an image")
    print(f"{'stage':<24}{'studies':>10}{'ours':>10}{'ratio':>8}")
    rows = [(stage, their.ms[stage] / count, our.ms[stage] / count) for stage in STAGES]
    rows.append(("in all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    for stage, theirs_ms, ours_ms in rows:
        print(f"{stage:<24}{theirs_ms:>10.2f}{ours_ms:>10.2f}{theirs_ms / ours_ms:>8.0f}")


# --- as users run it ------------------------------------------------------------------------


def copied(dataset: datasets.Dataset, folder: Path, copies: int) -> Path:
    """Several copies of the images and their JSON, each of another content but the same pixels."""
    for part in ("images", "annotations"):
        (folder / part).mkdir()
    for row in dataset.table.itertuples():
        record = json.loads(masks.file_of(dataset.mask_of(row)).read_text())
        data, path = dataset.path_of(row).read_bytes(), dataset.path_of(row)
        for copy in range(copies):
            name = f"{path.stem}-{copy}{path.suffix}"
            (folder / "images" / name).write_bytes(data + bytes(copy))  # decoders stop before
            record["image"]["filename"] = name
            text = json.dumps(record)
            (folder / "annotations" / f"{path.stem}-{copy}.json").write_text(text)
    return folder


def as_users_run_it(dataset: datasets.Dataset, copies: int, studies_ms: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        many = datasets.load(copied(dataset, Path(folder), copies))
        loaded = time.perf_counter() - start
        start = time.perf_counter()
        made = pixels.prepare(many, pixels.Preparation(SIZE, "lungs"))
        prepared = time.perf_counter() - start
        made.brisque()
        made.histograms()
        whole = time.perf_counter() - start
    count = len(many.table)
    print(f"{count} images, as users run it: {os.cpu_count()} cores, an empty data folder")
    print(f"{'copying and loading, not counted':<40}{loaded:>8.1f} s")
    print(f"{'prepare':<40}{1000 * prepared / count:>8.2f} ms an image")
    print(f"{'prepare, BRISQUE, histograms':<40}{1000 * whole / count:>8.2f} ms an image")
    print(f"{'in all':<40}{studies_ms * count / 1000 / whole:>8.0f} times as fast\n")


# --- memory ---------------------------------------------------------------------------------


def memory() -> None:
    """Print the peaks of preparing few and many images, each in a process of its own."""
    peaks = []
    for count in MEMORY_OF:
        with tempfile.TemporaryDirectory() as folder:
            synthetic(Path(folder) / "images", count)
            command = [sys.executable, __file__, "--peak-of", str(Path(folder) / "images")]
            env = {**os.environ, "CXR_DATA": str(Path(folder) / "data")}
            told = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        peaks.append(json.loads(told.stdout))
        print(
            f"{count:>7,} images: peak of all processes {peaks[-1]['mb']:,.0f} MB, "
            f"{count / peaks[-1]['seconds']:,.0f} images/s"
        )
    print(f"{peaks[-1]['mb'] / peaks[0]['mb']:.2f} times the memory for 10 times the images")


def peak_of(folder: Path) -> None:
    """Prepare and score a folder and print the peak as JSON; runs in a process of its own."""
    with Peak() as peak:
        dataset = datasets.load(folder)
        start = time.perf_counter()
        made = pixels.prepare(dataset, pixels.Preparation(SIZE))
        made.brisque()
        seconds = time.perf_counter() - start
    print(json.dumps({"mb": peak.mb, "seconds": seconds}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=16, help="real ones, for the studies' loop")
    parser.add_argument("--copies", type=int, default=8, help="of each, for all cores")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        return peak_of(options.peak_of)
    with tempfile.TemporaryDirectory() as data:
        os.environ["CXR_DATA"] = data
        real(options.images, options.copies)
    if not options.no_memory:
        memory()


def real(count: int, copies: int) -> None:
    if not REAL.is_dir():
        print(f"{REAL} is not there, so there is nothing real to compare on. Only memory follows.")
        return
    dataset = datasets.load(REAL)
    with threadpool_limits(1):
        cv2.setNumThreads(1)
        studies_ms = compare(dataset, min(count, len(dataset.table)))
    cv2.setNumThreads(-1)
    as_users_run_it(dataset, copies, studies_ms)


if __name__ == "__main__":
    main()
