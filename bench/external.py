"""Predictions from elsewhere and tests elsewhere: how fast, and whether they are right.

    PYTHONPATH=. python bench/external.py import [--rows 1000000]
    PYTHONPATH=. python bench/external.py speed RUN [--films 1000]
    PYTHONPATH=. python bench/external.py check RUN OTHER [--map "LABEL=CLASS" ...]

`import` reads a CSV of that many rows, matches it with as many films and keeps it; the time is that of
the processor, so that a busy machine does not count. `speed` compares the
test of a run on made up films, prepared before, with its network's own pass over the same films.
`check` compares the kept test of a run with a pass by Keras alone.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ("COVID-19", "Normal", "Pneumonia")
_SLICE = 32  # films that Keras sees at once


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    kinds.add_parser("import").add_argument("--rows", type=int, default=1_000_000)
    speed = kinds.add_parser("speed")
    speed.add_argument("run")
    speed.add_argument("--films", type=int, default=1_000)
    check = kinds.add_parser("check")
    check.add_argument("run")
    check.add_argument("other")
    check.add_argument("--map", action="append", default=[], dest="mapping")
    given = parser.parse_args()
    if given.what == "import":
        measure_import(given.rows)
    elif given.what == "speed":
        measure_speed(given.run, given.films)
    else:
        measure_check(given.run, given.other, dict(pair.split("=") for pair in given.mapping))


def measure_import(count: int) -> None:
    """A CSV as another tool would write it, and a dataset of as many films that exists in memory only."""
    from cxrcore import predictions
    from cxrcore.datasets import Dataset
    from cxrcore.datasets.table import build_table

    random = np.random.default_rng(0)
    ids = [f"{number:032x}" for number in range(count)]
    truth = random.integers(0, 3, count)
    table = build_table(
        pd.DataFrame(
            {
                "image_id": ids,
                "path": [f"{CLASSES[k]}/{number:07d}.png" for number, k in enumerate(truth)],
                "label": np.array(CLASSES)[truth],
            }
        )
    )
    shares = random.dirichlet(np.ones(3), count).round(6)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CXR_MODELS": f"{folder}/models", "CXR_DATA": f"{folder}/data"}
        dataset = Dataset("bench", Path(folder), "folders", table, CLASSES)
        rows = table[["path"]].assign(**dict(zip(CLASSES, shares.T, strict=True)))
        file = Path(folder) / "predictions.csv"
        rows.to_csv(file, index=False)
        _ = dataset.fingerprint  # known of every dataset that is used
        start = time.process_time()
        read = predictions.read(file)
        step = time.process_time()
        found = predictions.match(read, dataset, None)
        matched = time.process_time()
        [run] = predictions.keep(found, "Bench")
        end = time.process_time()
        print(
            f"{run.metrics['test'].n:,} rows: read {step - start:.1f} s, matched {matched - step:.1f} s,"
        )
        print(
            f"measured and kept {end - matched:.1f} s, together {end - start:.1f} s of the processor"
        )


def measure_speed(run_id: str, count: int) -> None:
    """Films per second of the test and of the network alone, on the same prepared films."""
    from bench.common import synthetic
    from cxrcore import datasets, external, index, pixels, store
    from cxrcore.splits import overlap

    run = store.load_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        dataset = datasets.load(synthetic(Path(folder), count, distinct=True))
        size = pixels.Preparation(run.recipe.image_size, run.recipe.region)
        prepared = pixels.prepare(dataset, size)
        home = datasets.load(run.dataset)
        overlap.find(home, index.measure(home), dataset, index.measure(dataset))
        mapping = dict(zip(dataset.classes, run.classes, strict=False))
        start = time.perf_counter()
        found = external.evaluate(run, dataset, mapping)
        seconds = time.perf_counter() - start
        store.delete(found.run_id)
        alone = min(_keras(run, prepared.array)[1] for _ in range(2))
    rate = count / alone
    print(f"{count:,} films of {size.size} px: Keras alone {rate:.1f} films/s,")
    print(
        f"in the test {found.images_per_second:.1f} films/s ({found.images_per_second / rate:.2f} of it),"
    )
    print(f"with loading the network, known films and keeping it {count / seconds:.1f} films/s")


def measure_check(run_id: str, other: str, mapping: dict[str, str]) -> None:
    """The greatest difference of a probability, and accuracy recomputed."""
    from cxrcore import datasets, external, pixels, store

    run, dataset = store.load_run(run_id), datasets.load(other)
    found = external.evaluate(run, dataset, mapping)
    table = found.predictions()
    table = table[table["split"] == "test"]
    size = pixels.Preparation(run.recipe.image_size, run.recipe.region)
    films = [
        pixels.prepare_one(_decoded(dataset.root / path), None, size) for path in table["path"]
    ]
    shares, _ = _keras(run, np.stack(films))
    kept = table[[f"p_{name}" for name in run.classes]].to_numpy(np.float64)
    called = np.array(run.classes)[shares.argmax(axis=1)]
    accuracy = float((called == table["label"].to_numpy(object)).mean())
    print(f"{found.run_id}: {len(table)} films, {len(found.removed)} left out")
    print(*found.notes, sep="\n")
    print(f"greatest difference of a probability {np.abs(shares - kept).max():.1e};")
    print(f"accuracy {found.metrics['test'].accuracy:.6f}, recomputed {accuracy:.6f}")


def _decoded(path: Path) -> np.ndarray:
    from cxrcore import images

    return images.decode(path)


def _keras(run: object, films: np.ndarray) -> tuple[np.ndarray, float]:
    """Probabilities by Keras as it loads the file, and the seconds after it was compiled."""
    import keras

    model = keras.models.load_model(run.model_path(), compile=False)
    model.predict(np.zeros((_SLICE, *model.input_shape[1:]), np.float32), verbose=0)
    start, parts = time.perf_counter(), []
    for first in range(0, len(films), _SLICE):
        batch = np.repeat(films[first : first + _SLICE, ..., None], 3, axis=3).astype(np.float32)
        parts.append(model.predict_on_batch(batch))
    return np.concatenate(parts), time.perf_counter() - start


if __name__ == "__main__":
    main()
