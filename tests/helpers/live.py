"""The live page on runs that nobody trained: what they answer is made up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.explanations import Layer
from cxrcore.inference import Prediction
from tests.helpers.app import component
from tests.helpers.films import film
from tests.helpers.tested import answered, keep

SIDE = 32


def runs(
    dataset: Dataset, wrong: Sequence[int] = (8, 0), networks: Sequence[Any] = ()
) -> list[store.Run]:
    """Runs that were tested on all films; each takes its first `wrong` films for the next class.

    Their networks are Keras models; without any they cannot be used.
    """
    truth = np.array([list(dataset.classes).index(name) for name in dataset.table["label"]])
    found = []
    for number, mistakes in enumerate(wrong, start=1):
        called = np.where(np.arange(len(truth)) < mistakes, (truth + 1) % 3, truth)
        created = f"2026-11-{number:02d}T10:00:00+00:00"
        shares = answered(dataset, called, np.full(len(truth), 0.8))
        write = {"write": networks[number - 1].save} if networks else {}
        found.append(keep(dataset, number, shares, created=created, **write))
    return found


def keep_examples(run: store.Run, ids: Sequence[str]) -> None:
    """Example films of a run, with what it said when it was tested."""
    rows = run.predictions().set_index("image_id").loc[list(ids)]
    films = [
        store.Example.of(
            film(1, (SIDE, SIDE)),
            np.float32(film(2, (SIDE, SIDE))),
            image_id=image_id,
            label=row["label"],
            predicted=row["predicted"],
            probabilities=tuple(float(row[f"p_{name}"]) for name in run.classes),
        )
        for image_id, row in rows.iterrows()
    ]
    store.keep_examples(run, store.Examples(films=tuple(films), latency_ms=1.0, device="CPU"))


class Models:
    """Stands for the process that holds the models: `predict`, and what it was asked.

    Attributes:
        shares: run_id -> probabilities; other runs are sure of the first class to 0.6.
        empty: classes for which no map has evidence, though C and B have some.
        errors: run_id -> why it fails.
        asked: (name of the film, class, methods) of each call.
        failure: raised instead of an answer.
        files: runs whose networks give no map.
        layers: of each run; `layer` is the one that was asked for last.
    """

    def __init__(self) -> None:
        self.shares: dict[str, Sequence[float]] = {}
        self.empty: set[str] = set()
        self.errors: dict[str, str] = {}
        self.asked: list[tuple[str, str | None, tuple[str, ...]]] = []
        self.failure: Exception | None = None
        self.files: set[str] = set()
        self.layers: tuple[Layer, ...] = ()
        self.layer: str | None = None

    def predict(
        self, film: Any, run_ids: Sequence[str], class_name: str | None, **given: Any
    ) -> list[Prediction]:
        """As `prediction_cache.predict`."""
        methods = tuple(given["methods"])
        self.asked.append((film.name, class_name, methods))
        self.layer = given.get("layer")
        if self.failure is not None:
            raise self.failure
        height, width = film.gray.shape
        box = (0, 0, width, height)
        return [self._one(run_id, class_name, methods, box) for run_id in run_ids]

    def _one(
        self,
        run_id: str,
        class_name: str | None,
        methods: tuple[str, ...],
        box: tuple[int, int, int, int],
    ) -> Prediction:
        if run_id in self.errors:
            return Prediction(run_id, error=self.errors[run_id])
        classes = tuple(store.load_run(run_id).classes)
        shares = np.float32(self.shares.get(run_id, (0.6, 0.3, 0.1)))
        predicted = classes[int(shares.argmax())]
        explained = class_name or predicted
        heat = np.zeros((SIDE, SIDE), np.float32)
        if explained not in self.empty:
            heat[:8, :8] = 2.0
        if run_id in self.files:
            return Prediction(
                run_id, "x", classes, shares, predicted, explained, box=box, missing=methods
            )
        return Prediction(
            run_id=run_id, recipe="cnn-plain", classes=classes, probabilities=shares,
            predicted=predicted, explained=explained, maps=dict.fromkeys(methods, heat),
            seen=np.zeros((SIDE, SIDE), np.uint8), box=box, layers=self.layers,
            evidence={} if heat.any() else dict.fromkeys(methods, ("C", "B")),
        )  # fmt: skip


def rows(at: Any) -> list[dict[str, Any]]:
    """The rows of the page, as the component was given them."""
    return component(at, "cxr_live")["rows"]


def strip(at: Any) -> dict[str, Any]:
    """The thumbnails, as the component was given them."""
    return component(at, "cxr_live_strip")
