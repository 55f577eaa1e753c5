"""What the models, their training films and the checks say about a film.

The only place of this page that asks the processes behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from cxrcore import explanations, files, gate, profiles
from cxrcore import lungs as lung_masks
from cxrcore.datasets import Dataset
from cxrcore.errors import ImageError
from cxrcore.films import Film, OnWait
from cxrcore.gate import Report
from cxrcore.inference import Prediction, decision
from cxrcore.inference.pictures import Lungs as Mask
from cxrcore.profiles import Neighbour
from cxrcore.store import Run
from pages.predict.live.films import Picked
from pages.shared import cache, prediction_cache

GRID = 56  # places a side on which maps are compared


@dataclass(frozen=True)
class Request:
    """What the visitor wants to see.

    Attributes:
        runs: in order.
        methods: of the maps, at least one.
        class_name: the class to explain; None for what each run answers.
        classes: where each column is a class, by the first method: those classes.
        layer: that class activation maps look at; None for the last one of each run.
    """

    runs: tuple[str, ...]
    methods: tuple[str, ...]
    class_name: str | None = None
    classes: tuple[str, ...] = ()
    layer: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Classes, or methods."""
        return self.classes or self.methods

    @property
    def slow(self) -> tuple[str, ...]:
        """The methods that take many passes through the network."""
        used = self.methods[:1] if self.classes else self.methods
        return tuple(name for name in used if slow(name))


@dataclass(frozen=True)
class Answer:
    """What one run says; for each column that is there, the prediction that holds its map.

    Its map is `maps[column].maps[method]`, of the class `maps[column].explained`.
    """

    prediction: Prediction
    maps: dict[str, Prediction]


def slow(method: str) -> bool:
    """Whether a method takes seconds."""
    return explanations.METHODS[method].slow


def film(picked: Picked, on_wait: OnWait | None = None) -> Film:
    """The film, decoded and kept.

    Raises:
        ImageError, JobError: as `Decoder.decode`.
    """
    if isinstance(picked.source, bytes):
        return prediction_cache.film(picked.name, picked.source, on_wait, picked.page)
    try:
        return prediction_cache.film(picked.name, picked.source.read_bytes(), on_wait)
    except OSError as error:
        raise ImageError(
            f"{picked.name} cannot be read: {error.strerror}. Check that the dataset's folder "
            "still exists."
        ) from error


def ask(
    film: Film,
    mask: Mask,
    request: Request,
    *,
    without: Sequence[str] = (),
    on_wait: OnWait | None = None,
) -> list[Answer]:
    """The answers of the runs of a request; kept, so that asking again costs nothing.

    Args:
        film: as `film` returns it, or changed.
        mask: of its lungs, moved along with it where it was changed; as for `Worker.predict`.
        request: what is asked.
        without: methods whose maps can wait.
        on_wait: called while others are before us, or a slow method is at work.

    Raises:
        ImageError, ExplainError, JobError: as `Worker.predict`.
    """

    def predict(class_name: str | None, methods: Sequence[str]) -> list[Prediction]:
        def of(runs: Sequence[str], label: str | None) -> list[Prediction]:
            return prediction_cache.predict(
                film,
                runs,
                label,
                mask=mask,
                methods=methods,
                layer=request.layer,
                on_wait=on_wait,
            )

        found = of(request.runs, class_name)
        if class_name is not None or not methods:
            return found
        # At an operating point the answer may be another class than the most likely one.
        answers = ["" if p.error else decision(p).answer for p in found]
        return [
            p if answer in ("", p.explained) else of((p.run_id,), answer)[0]
            for p, answer in zip(found, answers, strict=True)
        ]

    wanted = [name for name in request.methods if name not in without]
    if request.classes:
        method = wanted[:1]
        plain = predict(request.class_name, ())
        by_class = {name: predict(name, method) for name in request.classes} if method else {}
        return [
            Answer(prediction, _usable({name: found[place] for name, found in by_class.items()}))
            for place, prediction in enumerate(plain)
        ]
    first = predict(request.class_name, [name for name in wanted if not slow(name)])
    found = {name: predict(request.class_name, [name]) if slow(name) else first for name in wanted}
    return [
        Answer(prediction, _usable({name: of_all[place] for name, of_all in found.items()}))
        for place, prediction in enumerate(first)
    ]


def _usable(maps: dict[str, Prediction]) -> dict[str, Prediction]:
    return {column: found for column, found in maps.items() if found.error is None}


def warm(run_ids: Sequence[str]) -> None:
    """Let the process load the networks while nobody waits; returns at once."""
    prediction_cache.worker().warm(run_ids)


def has_profile(run: Run) -> bool:
    """Whether the training films of a run are described."""
    return profiles.load(run) is not None


def nearest(run: Run, prediction: Prediction) -> tuple[Neighbour, ...]:
    """The training films closest to a film by the run's own embedding; none while not known."""
    profile = profiles.load(run)
    if profile is None or not prediction.embedding.size:
        return ()
    return profile.nearest(prediction.embedding)


def check(
    film: Film, answers: Sequence[Answer], dataset: Dataset, lungs: np.ndarray | None
) -> Report:
    """What is to be known before the answers are believed; arguments as for `gate.check`."""
    runs = [cache.run(a.prediction.run_id) for a in answers if a.prediction.error is None]
    known = tuple((run.seal, has_profile(run)) for run in runs)
    token = cache.token(dataset), lung_masks.stamp()
    return _check(film, [a.prediction for a in answers], dataset, lungs, film.digest, known, token)


@st.cache_data(max_entries=64, show_spinner=False)
def _check(
    _film: Film,
    _predictions: Sequence[Prediction],
    _dataset: Dataset,
    _lungs: np.ndarray | None,
    digest: str,  # noqa: ARG001  (the key of the cache, as the next two)
    known: tuple[tuple[str, bool], ...],  # noqa: ARG001
    token: tuple[str, files.Stamp],  # noqa: ARG001
) -> Report:
    return gate.check(_film, _predictions, _dataset, _lungs)


def on_film(prediction: Prediction, method: str, film: Film) -> np.ndarray:
    """(GRID, GRID) float32: a map where it lies on the whole film, 0 around it."""
    height, width = film.gray.shape
    x, y, wide, high = prediction.box
    size = max(1, round(wide * GRID / width)), max(1, round(high * GRID / height))
    left = min(round(x * GRID / width), GRID - size[0])
    top = min(round(y * GRID / height), GRID - size[1])
    found = np.zeros((GRID, GRID), np.float32)
    part = cv2.resize(prediction.maps[method], size, interpolation=cv2.INTER_AREA)
    found[top : top + size[1], left : left + size[0]] = part
    return found
