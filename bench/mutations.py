"""Mutated films, tables and weights: nothing crashes or takes long, memory stays, only our errors.

    python bench/mutations.py [--films 20000] [--tables 20000] [--weights 2000]

Tables are read as a dataset that is added, as predictions and as embeddings.

Each sample is a sound file with some bytes changed, cut out, doubled or cut off; its number is the
seed, so that any can be made again. They are read in a process of their own, which a crash ends.
"""

import argparse
import atexit
import gzip
import importlib.util
import io
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path

import cv2
import h5py
import imagecodecs
import numpy as np
import pandas as pd
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, RLELossless

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, embeddings, images, predictions  # noqa: E402
from cxrcore.errors import CxrError  # noqa: E402
from cxrcore.models.pretrained.reader import open_weights  # noqa: E402

_CHUNK = 100
_HEAD = 2000  # bytes; half of the changes fall there, where the headers are


@cache
def films() -> list[bytes]:
    """Sound films of every kind that is read."""
    spec = importlib.util.spec_from_file_location("made", ROOT / "tests/helpers/dicom_files.py")
    helper = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helper)
    dicom, ramp = helper.dicom, helper.RAMP
    gray = np.random.default_rng(0).integers(0, 256, (48, 40), np.uint8)
    colours, wide = np.dstack([gray, gray // 2, 255 - gray]), gray.astype(np.uint16) * 16
    made = [dicom(), dicom(WindowCenter=1000, WindowWidth=50, PixelPaddingValue=0), dicom()[132:]]
    for kind, picture in ("PNG", gray), ("PNG", colours), ("JPEG", colours), ("TIFF", gray):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, kind)
        made.append(buffer.getvalue())
    for kind in ("BMP", "GIF", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(colours).save(buffer, kind)
        made.append(buffer.getvalue())
    made.append(imagecodecs.png_encode(np.dstack([wide, wide, wide])))
    made.append(imagecodecs.tiff_encode(np.dstack([wide, wide, wide])))
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    jpeg = cv2.imencode(".jpg", gray)[1].tobytes()
    made.append(dicom(gray, JPEGBaseline8Bit, PixelData=encapsulate([jpeg]), **eight))
    codestream = imagecodecs.jpeg2k_encode(ramp, codecformat="j2k")
    made.append(dicom(ramp, JPEG2000, PixelData=encapsulate([codestream])))
    found = pydicom.dcmread(io.BytesIO(dicom()))
    found.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    found.save_as(buffer)
    return [*made, buffer.getvalue()]


@cache
def weights() -> list[bytes]:
    """Files of weights in the layouts of Keras 2 and 3."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype(np.float32)
    made = []
    for compression in (None, "gzip"):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for number in range(4):
                place = f"layers/conv2d_{number}/vars/0"
                file.create_dataset(place, data=kernel, compression=compression)
        made.append(buffer.getvalue())
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        file.create_group("conv1").attrs["weight_names"] = [b"conv1/kernel:0"]
        file["conv1/conv1/kernel:0"] = kernel
    return [*made, buffer.getvalue()]


NAMES = ("a.csv", "b.csv", "c.csv", "d.tsv", "e.csv.gz", "f.xlsx", "g.parquet", "h.jsonl", "i.npz")


@cache
def tables() -> list[bytes]:
    """A sound table of each of NAMES: of films in a folder, with labels, answers and vectors."""
    rows = pd.DataFrame(
        {"path": [f"{name}.png" for name in "pqrs"], "label": ["A", "B;\u00e4", "A", "C"]}
    )
    for column in ("A", "B", "C", "embedding_0", "embedding_1"):
        rows[column] = np.random.default_rng(0).random(4).round(3)
    text = rows.to_csv(index=False)
    semicolons = rows.to_csv(index=False, sep=";", decimal=",", quoting=1)
    sheet, columns, arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    rows.to_excel(sheet, index=False)
    rows.to_parquet(columns)
    np.savez_compressed(
        arrays, path=rows["path"].to_numpy(str), vectors=np.eye(4, dtype=np.float32)
    )
    return [
        text.encode("utf-8-sig"), text.encode("utf-16"), semicolons.encode("cp1252"),
        rows.to_csv(index=False, sep="\t").encode(), gzip.compress(text.encode(), mtime=0),
        sheet.getvalue(), columns.getvalue(), rows.to_json(orient="records", lines=True).encode(),
        arrays.getvalue(),
    ]  # fmt: skip


@cache
def folder() -> Path:
    """Four films; one of a process, deleted with it."""
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    for name in "pqrs":
        gray = np.random.default_rng(ord(name)).integers(0, 256, (20, 20), np.uint8)
        Image.fromarray(gray).save(Path(made.name) / f"{name}.png")
    os.environ["CXR_DATA"] = str(Path(made.name) / "data")
    return Path(made.name)


def mutated(seeds: list[bytes], number: int) -> bytes:
    """A sound file with one to eight changes."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        if not data:
            break
        at = rng.randrange(min(len(data), _HEAD) if rng.random() < 0.5 else len(data))
        count, how = rng.choice([1, 1, 2, 4, 8, 64]), rng.random()
        if how < 0.6:
            data[at : at + count] = rng.choice(
                [rng.randbytes(count), b"\xff" * count, bytes(count)]
            )
        elif how < 0.75:
            del data[at : at + count]
        elif how < 0.9:
            data[at:at] = data[at : at + count]
        else:
            del data[max(at, 8) :]
    return bytes(data)


def read_film(data: bytes, _: int) -> None:
    """As a visitor's upload is."""
    images.look(data)


def read_table(data: bytes, number: int) -> None:
    """In each way that a file of that name is read; refused if all of them refuse it."""
    name = random.Random(number).choice(NAMES)  # the first draw of `mutated`
    refused = []
    if name.startswith(("a", "b", "c", "d", "e", "f")):
        (file := folder() / name).write_bytes(data)
        try:
            datasets.load(folder())
        except CxrError as error:
            refused.append(error)
        finally:
            file.unlink()
    for reader in predictions.read, embeddings.read:
        try:
            reader(data, name)
        except CxrError as error:
            refused.append(error)
    if len(refused) == (3 if name < "g" else 2):
        raise refused[0]


def read_weights(data: bytes, _: int) -> None:
    """All arrays."""
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        file.write(data)
        file.flush()
        with open_weights(Path(file.name)) as content:
            for layer in content.layers:
                for array in layer.arrays:
                    try:
                        np.asarray(array)
                    except OSError as error:  # as `matching.read` does
                        raise CxrError(str(error)) from error


KINDS = {
    "films": (films, read_film, 20_000),
    "tables": (tables, read_table, 20_000),
    "weights": (weights, read_weights, 2_000),
}


def read(kind: str, first: int) -> tuple[Counter[str], float, int, list[str], float]:
    """Outcomes of a chunk, its slowest sample with its number, foreign errors, memory in MB."""
    seeds, reader, _ = KINDS[kind]
    outcomes, slowest, foreign = Counter[str](), (0.0, first), []
    for number in range(first, first + _CHUNK):
        data, start = mutated(seeds(), number), time.perf_counter()
        try:
            reader(data, number)
            outcomes["read"] += 1
        except CxrError:
            outcomes["refused"] += 1
        except Exception as error:  # noqa: BLE001 (what the bench looks for)
            foreign.append(f"{number}: {type(error).__name__}: {error}"[:200])
        slowest = max(slowest, (time.perf_counter() - start, number))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return outcomes, *slowest, foreign, memory


def main() -> None:
    """Print a line a kind, and every sample that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind, (_, _, usual) in KINDS.items():
        parser.add_argument(f"--{kind}", type=int, default=usual)
    asked = vars(parser.parse_args())
    for kind in (kind for kind in KINDS if asked[kind]):
        outcomes, slowest, memory, crashes, wrong = Counter[str](), (0.0, 0), [0.0], 0, []
        pool = ProcessPoolExecutor(1)
        for first in range(0, asked[kind], _CHUNK):
            try:
                found, seconds, number, foreign, peak = pool.submit(read, kind, first).result()
            except BrokenProcessPool:
                crashes, pool = crashes + 1, ProcessPoolExecutor(1)
                wrong.append(f"crash within {first} to {first + _CHUNK - 1}")
                continue
            outcomes.update(found)
            slowest = max(slowest, (seconds, number))
            memory.append(peak)
            wrong += foreign
        pool.shutdown()
        print(
            f"{kind}: {asked[kind]:,} samples, {dict(outcomes)}, {crashes} crashes, "
            f"{len(wrong) - crashes} foreign errors; slowest {slowest[0]:.2f} s (number "
            f"{slowest[1]}); memory {memory[1]:.0f} MB after the first hundred, "
            f"{memory[-1]:.0f} MB at the end",
            *wrong,
            sep="\n  ",
        )


if __name__ == "__main__":
    main()
