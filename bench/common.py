"""What the benchmarks share: synthetic images on disk, and the memory of a process and its children."""

import os
import threading
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import psutil

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def synthetic(folder: Path, count: int, side: int = 160, distinct: bool = False) -> Path:
    """Fill a folder, by class, with `count` different gray JPEGs of `side` pixels; fast.

    Smooth noise, shifted and dimmed differently in each, which makes many of them duplicates of
    each other. With `distinct` the noise of each is its own, at two scales, and none is.
    """
    random = np.random.default_rng(0)
    bases = [
        cv2.GaussianBlur(random.normal(120, 60, (side, side)), (0, 0), 3).clip(0, 255)
        for _ in range(0 if distinct else 16)
    ]
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        if distinct:
            coarse, fine = (random.normal(0, 35, (cells, cells)) for cells in (7, 40))
            gray = sum(cv2.resize(noise, (side, side)) for noise in (coarse, fine))
            gray = (gray + 120).clip(0, 255).astype(np.uint8)
        else:
            gray = np.roll(bases[number % len(bases)], number // len(bases), axis=number % 2)
            gray = (gray * (0.6 + 0.4 * (number % 997) / 997)).astype(np.uint8)
        data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        # Bytes after the end of a JPEG are ignored; they make the content different for certain.
        name = CLASSES[number % len(CLASSES)]
        (folder / name / f"{number:06d}.jpg").write_bytes(data + number.to_bytes(4, "big"))
    return folder


def size_mb(folder: Path) -> float:
    """MB of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


class Peak:
    """The greatest memory of this process and its children together while the block runs.

    MB of proportional set size where the system tells it (pages that processes share count
    once), else of resident set size.
    """

    def __enter__(self) -> Self:
        self.mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.mb = max(self.mb, memory_mb(os.getpid()))


def memory_mb(pid: int) -> float:
    """MB that a process and its children have now."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    total = 0
    for process in family:
        try:
            info = process.memory_full_info()
        except psutil.Error:  # it has just ended
            continue
        total += getattr(info, "pss", 0) or info.rss
    return total / 1e6
