"""Masked pixels of Darwin data against an independent reference, image by image.

    python bench/masks.py FOLDER [--size 200] [--region lungs]

Reference: polygons by scikit-image's polygon2mask at full size (pixel centres inside count), cut
out by NumPy, averaged over areas exactly (no OpenCV). Ours: `masks.read` and `pixels.prepare_one`, and the
pixels that `pixels.prepare` leaves on disk, made twice in two folders.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from skimage.draw import polygon2mask

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, images, pixels  # noqa: E402
from cxrcore.datasets import Dataset, masks  # noqa: E402
from cxrcore.pixels import Preparation, prepare_one  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--region", choices=["lungs", "lungs-erased"], default="lungs")
    asked = parser.parse_args()
    preparation = Preparation(asked.size, asked.region)
    dataset = datasets.load(asked.folder)
    first, second = prepared_twice(dataset, preparation)
    rows = [
        compare(dataset, row, on_disk, preparation)
        for row, on_disk in zip(dataset.table.itertuples(), first, strict=True)
    ]
    totals(rows)
    digests = [
        hashlib.blake2b(made.tobytes(), digest_size=8).hexdigest() for made in (first, second)
    ]
    print(f"prepared twice, digests of the bytes: {digests[0]} {digests[1]}", end=" ")
    print("identical" if np.array_equal(first, second) else "DIFFERENT")


def prepared_twice(dataset: Dataset, preparation: Preparation) -> tuple[np.ndarray, np.ndarray]:
    """The rows of two preparations that know nothing of each other."""
    made = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CXR_DATA"] = folder
            found = pixels.prepare(dataset, preparation)
            assert found.usable.all(), found.reasons
            made.append(np.array(found.array))
    return made[0], made[1]


def compare(dataset: Dataset, row, on_disk: np.ndarray, preparation: Preparation) -> dict:
    gray = images.decode(dataset.path_of(row))
    mask = masks.read(dataset.mask_of(row), gray.shape)
    ours = prepare_one(gray, mask, preparation)
    assert np.array_equal(ours, on_disk), "what is on disk is something else"
    again = prepare_one(
        images.decode(dataset.path_of(row)),
        masks.read(dataset.mask_of(row), gray.shape),
        preparation,
    )
    assert np.array_equal(ours, again), "two identical calls differ"
    inside = reference_mask(dataset.root / row.annotation, gray.shape)
    found = {"path": row.path, "mask": float(np.mean(mask != inside))}
    for name, expected in (("reference", inside), ("own", mask)):
        cut = (
            np.where(expected, gray, 0)
            if preparation.region == "lungs"
            else np.where(expected, 0, gray)
        )
        difference = np.abs(ours.astype(int) - reference_resize(cut, preparation.size))
        found[f"{name}_share"] = float(np.mean(difference > 0))
        found[f"{name}_greatest"] = int(difference.max())
    print(
        f"{row.path:32} {gray.shape[1]:5} x {gray.shape[0]:<5} mask pixels {found['mask']:.2e}  "
        f"prepared {found['reference_share']:.3%}, greatest {found['reference_greatest']}",
        flush=True,
    )
    return found


def reference_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """The lungs by scikit-image: (H, W) bool."""
    lungs = np.zeros(shape, bool)
    for item in json.loads(path.read_text())["annotations"]:
        if item["name"] == "Lung":
            body = item.get("polygon") or item["complex_polygon"]
            points = [(point["y"], point["x"]) for point in body.get("path") or body["paths"][0]]
            lungs |= polygon2mask(shape, points)
    return lungs


def reference_resize(gray: np.ndarray, size: int) -> np.ndarray:
    """(size, size) int, each the mean of the area it covers: exact, in float64, no OpenCV."""
    return np.rint(
        weights(gray.shape[0], size) @ gray.astype(float) @ weights(gray.shape[1], size).T
    )


def weights(length: int, size: int) -> np.ndarray:
    """(size, length) share of each source pixel in each target pixel of a box average."""
    edges = np.linspace(0, length, size + 1)
    pixels_ = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels_ + 1) - np.maximum(edges[:-1, None], pixels_)
    return np.clip(overlap, 0, None) * size / length


def totals(rows: list[dict]) -> None:
    print(f"\n{len(rows)} images")
    print(f"mask pixels that differ: mean {mean(rows, 'mask'):.2e}, most {most(rows, 'mask'):.2e}")
    for name, what in (
        ("reference", "reference mask, exact area mean"),
        ("own", "our mask, exact area mean (the resize alone)"),
    ):
        print(
            f"prepared pixels that differ, {what}: mean {mean(rows, f'{name}_share'):.3%}, "
            f"most {most(rows, f'{name}_share'):.3%}; greatest difference "
            f"{most(rows, f'{name}_greatest'):.0f} gray values"
        )


def mean(rows: list[dict], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def most(rows: list[dict], key: str) -> float:
    return float(np.max([row[key] for row in rows]))


if __name__ == "__main__":
    main()
