"""Predictions, embeddings and metrics of a trained network."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.datasets import Dataset
from cxrcore.metrics import Metrics, evaluate
from cxrcore.progress import Meter
from cxrcore.training.data import Feed, outputs
from cxrcore.training.monitor import Reporter
from cxrcore.training.network import Network
from cxrcore.training.selection import Selection
from cxrcore.training.slices import slice_size

EVALUATED = ("validation", "test")


@dataclass(frozen=True)
class Evaluation:
    """The network's results on the validation and test images."""

    predictions: pd.DataFrame  # columns as Run.predictions
    embeddings: npt.NDArray[np.float32]  # (n, d) inputs of the last layer, rows as predictions
    metrics: dict[str, Metrics]
    metrics_clean: Metrics | None  # of the test images that do not leak, if some do


def evaluate_network(
    network: Network,
    dataset: Dataset,
    classes: Sequence[str],
    selection: Selection,
    batch_size: int,
    reporter: Reporter,
    leaking: Collection[str] = (),
) -> Evaluation:
    """Predict the validation and the test images, in this order, and score them.

    Where some test images are `leaking`, they are scored once more without those.

    Raises:
        Cancelled: asked to stop.
        CxrError: the network's probabilities are not numbers.
    """
    numbers = np.concatenate([selection.rows[name] for name in EVALUATED])
    size = slice_size(network.part, batch_size)
    feed = Feed(network.rows, numbers, selection.labels[numbers], size)
    probabilities, embeddings = _predict(network, feed, reporter)
    return score(dataset, classes, selection, probabilities, embeddings, leaking)


def score(
    dataset: Dataset,
    classes: Sequence[str],
    selection: Selection,
    probabilities: npt.NDArray[np.floating],
    embeddings: npt.NDArray[np.float32],
    leaking: Collection[str] = (),
) -> Evaluation:
    """Score what was predicted of the validation and the test images, in this order.

    Args:
        dataset, classes, selection, leaking: as for `evaluate_network`.
        probabilities: (n, k).
        embeddings: (n, d).
    """
    numbers = np.concatenate([selection.rows[name] for name in EVALUATED])
    splits = np.repeat(EVALUATED, [len(selection.rows[name]) for name in EVALUATED])
    rows = dataset.table.iloc[numbers]
    names = np.asarray(classes, dtype=object)
    table = pd.DataFrame(
        {
            "image_id": rows["image_id"].to_numpy(dtype=object),
            "path": rows["path"].to_numpy(dtype=object),
            "split": splits.astype(object),
            "label": rows["label"].to_numpy(dtype=object),
            "predicted": names[probabilities.argmax(axis=1)],
        },
        dtype="str",
    )
    for column, name in enumerate(classes):
        table[f"p_{name}"] = probabilities[:, column].astype(np.float32)
    metrics = {
        name: evaluate(
            selection.labels[selection.rows[name]], probabilities[splits == name], classes
        )
        for name in EVALUATED
    }
    clean = (splits == "test") & ~table["image_id"].isin(list(leaking)).to_numpy(bool)
    clean_metrics = None
    if leaking and clean.any():
        clean_metrics = evaluate(selection.labels[numbers[clean]], probabilities[clean], classes)
    return Evaluation(table, embeddings, metrics, clean_metrics)


def _predict(
    network: Network, feed: Feed, reporter: Reporter
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(n, k) probabilities and (n, d) inputs of the last layer."""
    meter = Meter("evaluating", feed.images, reporter.for_stage("evaluating"))
    parts: list[list[npt.NDArray[np.float32]]] = []
    done = 0
    for batch in outputs(network.evaluator(), feed):
        parts.append([np.asarray(part, np.float32) for part in batch])
        done += len(parts[-1][0])
        meter.update(done)
    probabilities, embeddings = (np.concatenate(column) for column in zip(*parts, strict=True))
    return probabilities, embeddings
