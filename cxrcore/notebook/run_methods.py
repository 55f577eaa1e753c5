"""A run in a notebook: its numbers, its answers, and where it looked."""

import functools
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cxrcore import (
    comparison,
    datasets,
    external,
    figures,
    film_maps,
    images,
    mistakes,
    store,
    thresholds,
)
from cxrcore.datasets import Dataset
from cxrcore.errors import ExplainError, ImageError
from cxrcore.films import Film as Decoded
from cxrcore.inference import Models, Prediction
from cxrcore.inference import models as inference_models
from cxrcore.inference.pictures import Picture
from cxrcore.progress import progress_bar
from cxrcore.thresholds import OperatingPoint

if TYPE_CHECKING:
    pass

Film = str | Path | bytes | np.ndarray
_LOADED_MODELS = 4  # networks that stay in memory for `Run.predict`


@dataclass(frozen=True)
class Explanation:
    """Where a run found its evidence; a notebook shows the map over the image."""

    method: str
    class_name: str  # the class explained
    map: np.ndarray  # (S, S) float32, >= 0
    image: np.ndarray  # (S, S) uint8, the network's input
    prediction: Prediction

    def overlay(self, opacity: float = 0.45, colormap: str = "inferno") -> np.ndarray:
        """(S, S, 3) uint8: the map over the image, see `figures.overlay`."""
        return figures.overlay(self.image, self.map, opacity, colormap)

    def _repr_png_(self) -> bytes:
        return images.encode_png(self.overlay())


class Run(store.Run):
    """A run of the store that predicts and explains in this process."""

    def confusion(self, part: str = "test") -> pd.DataFrame:
        """Confusion matrix of "test" or "validation": rows true, columns predicted classes."""
        names = pd.Index(self.classes, name="predicted")
        counts = self.metrics[part].confusion
        return pd.DataFrame(counts, index=names.rename("true"), columns=names)

    def errors(self) -> pd.DataFrame:
        """The test films that the run takes for another class, the surest mistakes first.

        One row an image_id; the columns are those of `cxrcore.mistakes.Mistakes.films`.

        Raises:
            StoreError: its predictions are missing or were changed.
        """
        return mistakes.find(comparison.subjects([self.run_id])).confident(self.run_id)

    def film_map(self, method: Literal["pca", "t-sne"] = "t-sne") -> pd.DataFrame:
        """The test films in two dimensions, those that are alike to the run close together.

        One row an image_id; columns x and y, label and predicted. t-SNE takes a minute the first time.

        Raises:
            ComparisonError: fewer than five films, or all are alike to the run.
            StoreError: its files are missing or were changed.
        """
        if method == "pca":
            places = film_maps.pca(self)
        else:
            with progress_bar() as report:
                places = film_maps.tsne(self, report)
        said = self.predictions().set_index("image_id")
        return places.join(said[["label", "predicted"]])

    def threshold(self, class_name: str, recall: float = 0.95) -> OperatingPoint:
        """The threshold that catches a class as often as wanted, and what that costs.

        Raises:
            ComparisonError, StoreError: as `cxrcore.thresholds.operating_point`.
        """
        return thresholds.operating_point(self, class_name, recall)

    def predict(self, film: Film, *, mask: str | Path | None = None) -> Prediction:
        """Class probabilities for one image.

        Args:
            film: a file, the bytes of one, or gray levels as a (H, W) uint8 array.
            mask: lung mask, for runs trained on masked images.

        Raises:
            ImageError: the image or mask cannot be used.
            ExplainError, StoreError: the network cannot be used.
        """
        return self._predict(film, mask, (), None)

    def explain(
        self,
        film: Film,
        method: str = "grad-cam",
        class_name: str | None = None,
        *,
        layer: str | None = None,
        mask: str | Path | None = None,
    ) -> Explanation:
        """Map of the evidence in one image for a class; by default for the predicted one.

        Args:
            film, mask: as in `predict`.
            method: one of `cxrcore.explanations.METHODS`.
            class_name: one of `classes`.
            layer: the convolution that a class activation map looks at, a name of
                `Prediction.layers`; by default the last one.

        Raises:
            ExplainError: no such method, class or layer, or as in `predict`.
        """
        if class_name not in (None, *self.classes):
            raise ExplainError(
                f"{self.run_id} has no class {class_name!r}. Choose from: "
                f"{', '.join(self.classes)}."
            )
        found = self._predict(film, mask, (method,), class_name, layer)
        if found.layer != layer:
            raise ExplainError(
                f"{self.run_id} has no layer {layer!r}. Choose from: "
                f"{', '.join(place.name for place in found.layers) or 'none'}."
            )
        if method in found.missing:
            raise ExplainError(" ".join(found.notes))
        return Explanation(method, found.explained, found.maps[method], found.seen, found)

    def evaluate(
        self, data: Dataset | str | Path, mapping: Mapping[str, str] | None = None
    ) -> "Run":
        """Its test on another dataset, without the films that it learned from; see `external.evaluate`.

        Args:
            data: the other dataset, its registered name, or its folder.
            mapping: label there -> class of the run, "" to leave its films out; labels with the name
                of a class stand for it.

        Raises:
            ComparisonError, DatasetError, StoreError: as `external.evaluate`.
        """
        with progress_bar() as report:
            here = data if isinstance(data, Dataset) else datasets.load(data, report=report)
            found = external.evaluate(self, here, mapping, report=report)
        return Run(**dict(found))

    def _predict(
        self,
        film: Film,
        mask: str | Path | None,
        methods: Sequence[str],
        class_name: str | None,
        layer: str | None = None,
    ) -> Prediction:
        image = _checked(film)
        lungs = None if mask is None else Path(mask)
        if isinstance(image, np.ndarray):
            picture = Picture(image, lungs)
        else:
            read = Decoded.read(image)
            picture = Picture(read.gray, lungs, read.digest)
        (found,) = inference_models.predict(
            _loaded_models(),
            picture,
            [self.run_id],
            methods=methods,
            class_name=class_name,
            layer=layer,
        )
        if found.error is not None:
            raise ExplainError(found.error)
        return found

    def _repr_html_(self) -> str:
        test = self.metrics["test"]
        title = f"{store.title(self)} on {self.dataset}"
        line = (
            f"Test: accuracy {test.accuracy:.3f}, macro F1 {test.macro.f1:.3f}, {test.n:,} images"
        )
        head = f"<b>{html.escape(title)}</b> <small>{html.escape(self.run_id)}</small>"
        return f"{head}<p>{line}</p>{self.confusion().to_html()}"


def _checked(film: Film) -> Path | bytes | np.ndarray:
    if isinstance(film, np.ndarray) and (film.ndim != 2 or film.dtype != np.uint8):
        raise ImageError(
            f"An array must hold (H, W) gray levels as uint8. Received: shape {film.shape}, "
            f"{film.dtype}. Convert it, or give the image's file."
        )
    return Path(film) if isinstance(film, str) else film


@functools.cache
def _loaded_models() -> Models:
    return Models(_LOADED_MODELS)
