"""BRISQUE: our milliseconds beside those of the definition's own code, and how far they differ.

    python bench/brisque.py [--repeat 5] [--images 4]

Both run in this process, by turns, on one thread, on synthetic images and on real ones
where ../shared/data is there. The definition is tests/quality/reference_brisque.py, which
does what image-quality 1.2.7 does in the way it does it. Budget: at least 50 times faster
at 200 and 512 pixels, no score off by 0.01. Times are the least of the repeats, since
other work on the machine can only add to them.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import images  # noqa: E402
from cxrcore.quality import brisque  # noqa: E402

SIZES = (200, 512)


def reference() -> Callable[[np.ndarray], float]:
    path = ROOT / "tests" / "quality" / "reference_brisque.py"
    spec = importlib.util.spec_from_file_location("reference_brisque", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda gray: module.score(gray, as_costly=True)


def synthetic(size: int) -> np.ndarray:
    pixels = np.random.default_rng(size).normal(120, 30, (size, size))
    return cv2.GaussianBlur(pixels, (0, 0), 1.2).clip(0, 255).astype(np.uint8)


def lungs_on_black(size: int) -> np.ndarray:
    y, x = np.indices((size, size)) - size / 2
    return np.where(y**2 + x**2 < (size / 3) ** 2, synthetic(size), 0).astype(np.uint8)


def pictures(count: int) -> dict[str, Callable[[int], np.ndarray]]:
    """What to score, by name; each makes its image at a size."""
    result = {"synthetic": synthetic, "lungs on black": lungs_on_black}
    files = sorted((ROOT.parent / "shared" / "data" / "cxr3").glob("*/*.jp*g"))
    for number in range(min(count, len(files))):
        gray = images.decode(files[number * len(files) // count])
        result[f"real {number + 1}"] = lambda size, gray=gray: images.resize(gray, size)
    return result


def least_ms(functions: list[Callable[[], float]], repeat: int) -> list[float]:
    """The least time of each, called by turns."""
    times = [[] for _ in functions]
    for _ in range(repeat):
        for function, found in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            found.append(1000 * (time.perf_counter() - start))
    return [min(found) for found in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--images", type=int, default=4, help="real images")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        compare(reference(), pictures(options.images), options.repeat)


def compare(
    theirs: Callable[[np.ndarray], float],
    makers: dict[str, Callable[[int], np.ndarray]],
    repeat: int,
) -> None:
    worst = 0.0
    print(f"{'image':<16}{'size':>6}{'ours ms':>10}{'theirs ms':>11}{'ratio':>7}{'difference':>12}")
    for size in SIZES:
        totals = np.zeros(2)
        for name, make in makers.items():
            gray = make(size)
            difference = abs(brisque(gray) - theirs(gray))  # also warms both up
            worst = max(worst, difference)
            ours_ms, theirs_ms = least_ms(
                [lambda g=gray: brisque(g), lambda g=gray: theirs(g)], repeat
            )
            totals += ours_ms, theirs_ms
            row = f"{ours_ms:>10.2f}{theirs_ms:>11.1f}{theirs_ms / ours_ms:>7.0f}"
            print(f"{name:<16}{size:>6}{row}{difference:>12.1e}")
        mean = totals / len(makers)
        print(f"{'mean':<16}{size:>6}{mean[0]:>10.2f}{mean[1]:>11.1f}{mean[1] / mean[0]:>7.0f}\n")
    print(f"greatest difference in score: {worst:.1e}")


if __name__ == "__main__":
    main()
