"""The trained model of BRISQUE: a support-vector regression from 36 features to a score.

The model and the ranges of its features are data files of the package `image-quality`
1.2.7. Neither that package nor libsvm is imported (docs/decisions/0010): the model is 770
vectors in a text file with a radial kernel.
"""

import hashlib
import io
import pickle
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrcore.errors import WeightsError

FEATURES = 36
MODEL_SHA256 = "19526fb799c4c7992ccc109fcfecddb25976ba024b194cd3ee275d27e8909c8d"
RANGES_SHA256 = "a91753fe7088efe0b40e4d091315201fdb067966fc6785cf465e1eab060acda9"

_REINSTALL = "Install the package again: pip install --force-reinstall --no-deps image-quality"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """An epsilon-SVR with a radial kernel, and the ranges that scale its input to -1..1."""

    gamma: float
    rho: float
    coefficients: Floats  # (n,)
    vectors: Floats  # (n, 36)
    norms: Floats  # (n,) squared lengths of the vectors
    low: Floats  # (36,)
    high: Floats  # (36,)


def predict(features: Floats) -> float:
    """The score of (36,) unscaled features; NaN if one of them is not finite.

    Raises:
        WeightsError: the model's files are missing or not those of image-quality 1.2.7.
    """
    model = load()
    if not np.isfinite(features).all():
        return float("nan")
    scaled = 2 * (features - model.low) / (model.high - model.low) - 1
    # |a - b|^2 as |a|^2 + |b|^2 - 2ab: one product of matrix and vector, (n,)
    distances = model.norms + scaled @ scaled - 2 * (model.vectors @ scaled)
    return float(model.coefficients @ np.exp(-model.gamma * distances) - model.rho)


@cache
def load() -> Model:
    """Read the two files of the model, once per process; their checksums are verified first.

    Raises:
        WeightsError: a file is missing or is not the one of image-quality 1.2.7.
    """
    folder = _folder()
    text = _verified(folder / "brisque_svm.txt", MODEL_SHA256).decode()
    ranges = _PlainPickle(io.BytesIO(_verified(folder / "normalize.pickle", RANGES_SHA256))).load()
    head, _, body = text.partition("\nSV\n")
    header = dict(line.split(" ", 1) for line in head.splitlines())
    rows = body.splitlines()
    coefficients = np.array([float(row.split(" ", 1)[0]) for row in rows])
    vectors = np.zeros((len(rows), FEATURES))
    for vector, row in zip(vectors, rows, strict=True):
        for pair in row.split()[1:]:  # "index:value", counted from 1, zeros left out
            index, value = pair.split(":")
            vector[int(index) - 1] = float(value)
    return Model(
        gamma=float(header["gamma"]),
        rho=float(header["rho"]),
        coefficients=coefficients,
        vectors=vectors,
        norms=np.square(vectors).sum(axis=1),
        low=np.array(ranges["min_"]),
        high=np.array(ranges["max_"]),
    )


class _PlainPickle(pickle.Unpickler):
    """Reads dictionaries, lists and numbers only; refuses anything that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise WeightsError(
            f"The feature ranges of BRISQUE ask for {module}.{name}, but they hold numbers "
            f"only. {_REINSTALL}"
        )


def _folder() -> Path:
    spec = find_spec("imquality")  # finds the package without running any of its code
    if spec is None or spec.origin is None:
        raise WeightsError(
            "BRISQUE needs the trained model in the package image-quality, which is not "
            "installed. Install it: pip install --no-deps image-quality==1.2.7"
        )
    return Path(spec.origin).parent / "models"


def _verified(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}, the trained model of BRISQUE, cannot be read: {error.strerror}. {_REINSTALL}"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} is not the file of image-quality 1.2.7: its SHA-256 is {found}, "
            f"expected {sha256}. {_REINSTALL}==1.2.7"
        )
    return data
