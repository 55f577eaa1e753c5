"""How long probes on embeddings take.

    PYTHONPATH=. python bench/probe.py [--films 20000] [--width 768]

Vectors of a mixture in which three classes overlap, films without a patient, divided as for every
training; the time is on the clock, from the kept vectors to the kept run, and beside it that of the processor.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=768)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CXR_MODELS": f"{folder}/models", "CXR_DATA": f"{folder}/data"}
        measure(Path(folder), given.films, given.width)


def measure(folder: Path, count: int, width: int) -> None:
    """Both probes on a dataset that exists in memory only; duplicates are not searched in it."""
    from unittest import mock

    from cxrcore import duplicates, embeddings, index
    from cxrcore.datasets import Dataset
    from cxrcore.datasets.table import build_table

    random = np.random.default_rng(0)
    truth = random.integers(0, 3, count)
    ids = [f"{number:032x}" for number in range(count)]
    paths = [f"{CLASSES[k]}/{number:07d}.png" for number, k in enumerate(truth)]
    labels = np.array(CLASSES)[truth]
    table = build_table(pd.DataFrame({"image_id": ids, "path": paths, "label": labels}))
    # As those of foundation models: numbers that depend on each other, of different spread.
    mixing = random.normal(size=(width, width)) / width**0.5 * np.geomspace(3, 0.05, width)
    values = (
        random.normal(size=(count, width)) + 0.08 * random.normal(size=(3, width))[truth]
    ) @ mixing
    dataset = Dataset("bench", folder, "folders", table, CLASSES)
    file = folder / "vectors.npz"
    np.savez(file, path=np.array(paths), vectors=values.astype(np.float32))
    start = time.perf_counter()
    embeddings.add(embeddings.read(file), dataset, "bench")
    print(f"{count:,} x {width}: read, matched and kept in {time.perf_counter() - start:.1f} s")
    none = mock.Mock(groups=pd.Series(dtype="int64"))
    with (
        mock.patch.object(index, "measure"),
        mock.patch.object(duplicates, "find", return_value=none),
    ):
        for kind, title in embeddings.PROBES.items():
            start, worked = time.perf_counter(), time.process_time()
            run = embeddings.train(embeddings.plan(dataset, "bench", kind))
            seconds, worked = time.perf_counter() - start, time.process_time() - worked
            accuracy = run.metrics["test"].accuracy
            print(
                f"{title}: {seconds:.1f} s, {worked:.1f} s of the processor; accuracy {accuracy:.3f}"
            )
            print(f"  {run.notes[0]}")


if __name__ == "__main__":
    main()
