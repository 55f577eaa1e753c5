"""Making the profile of a run, from its training and validation films; needs TensorFlow."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrcore import explanations, pixels, quality
from cxrcore.datasets import Dataset
from cxrcore.errors import StoreError
from cxrcore.pixels import Pixels
from cxrcore.profiles import limits, record, views
from cxrcore.profiles.distances import Cloud
from cxrcore.profiles.record import Floats, Profile
from cxrcore.profiles.views import Poses
from cxrcore.progress import Meter, Report, silent
from cxrcore.store import Run

if TYPE_CHECKING:
    import keras

Numbers = npt.NDArray[np.intp]

_AT_ONCE = 128  # films that go through the network together
_SAMPLE = 2000  # training films from which covariances and poses are estimated
_CHANNELS = 256  # of a depth; Defard et al. 2021, arXiv:2011.08785: few chosen at random suffice
_FEWEST = 5, 2  # training and validation films
_LEAST_SPREAD = 0.05  # of log distances
_SPREAD = 1.4826  # times the median absolute deviation: the standard deviation of a normal


def make(run: Run, dataset: Dataset, model: "keras.Model", report: Report = silent) -> Profile:
    """Make and keep the profile of a run.

    Args:
        run: undamaged.
        dataset: the one it was trained on, unchanged.
        model: its network, in float32.
        report: receives the progress; may raise to stop.

    Raises:
        StoreError: the dataset has changed, too few films are left, the run is damaged, or the
            store cannot be written.
        ImageError, DatasetError: a film cannot be read.
    """
    preparation = run.recipe.preparation
    prepared = pixels.prepare(dataset, preparation, report=report)
    train, validation = _rows(run, dataset, prepared)
    meter = Meter("learning what the films look like", len(train) + len(validation), report)
    embeddings, scale, depths = _embedded(model, prepared, train, meter)
    channels = tuple(_chosen(one.shape[1]) for one in depths)
    sample = prepared.array[_sample(train)]
    copies = views.small(sample)
    own = views.gray_values(sample), views.coarse(copies)
    chosen = [depth[:, some] for depth, some in zip(depths, channels, strict=True)]
    clouds = tuple(Cloud.of(some) for some in [*chosen, *own])
    poses = Poses.of(copies)
    seen = prepared.array[validation]
    _, inner = explanations.embed(model, seen)
    own = views.gray_values(seen), views.coarse(views.small(seen))
    chosen = [depth[:, some] for depth, some in zip(inner, channels, strict=True)]
    away = record.log_distances(clouds, [*chosen, *own])
    meter.update(meter.total)
    ids = dataset.table["image_id"].to_numpy(object)[train]
    labels = dataset.table["label"].to_numpy(object)[train]
    profile = Profile(
        classes=tuple(run.classes),
        image_ids=np.array([image_id.encode("ascii") for image_id in ids]),
        labels=np.array([run.classes.index(label) for label in labels], np.int16),
        embeddings=embeddings,
        scale=scale,
        clouds=clouds,
        channels=channels,
        poses=poses,
        usual=_usual(away),
        unlike=np.empty(0, np.float32),
        quality=_quality(seen),
        limits=np.zeros(3, np.float32),
        trained=run.imported is None,
    )
    scores = profile.scores_of(seen, inner)
    unlike = np.sort(np.array([score.unlike for score in scores], np.float32))
    profile = dataclasses.replace(profile, unlike=unlike, limits=_limits(scores))
    record.keep(run, profile)
    return profile


def _rows(run: Run, dataset: Dataset, prepared: Pixels) -> tuple[Numbers, Numbers]:
    """Rows of the training films, sorted by image_id, and of the validation films.

    A run keeps the films it was validated and tested on and those that were left out: it was
    trained on all others of the dataset.
    """
    if run.fingerprint != dataset.fingerprint:
        raise StoreError(
            f"{dataset.name} has changed since {run.run_id} was trained, so nobody knows which of "
            "its films the model has seen. Train it again, or bring back the films and labels."
        )
    ids = dataset.table["image_id"]
    kept = run.predictions()
    known = set(kept["image_id"]) | {film["image_id"] for film in run.removed}
    validated = set(kept.loc[kept["split"] == "validation", "image_id"])
    train = np.flatnonzero(~ids.isin(known).to_numpy(bool) & prepared.usable)
    validation = np.flatnonzero(ids.isin(validated).to_numpy(bool) & prepared.usable)
    if len(train) < _FEWEST[0] or len(validation) < _FEWEST[1]:
        raise StoreError(
            f"{run.run_id} has {len(train)} training films and {len(validation)} validation films; "
            f"a profile needs {_FEWEST[0]} and {_FEWEST[1]}. Train it on more films."
        )
    return train[np.argsort(ids.to_numpy(object)[train])], validation


def _embedded(
    model: "keras.Model", prepared: Pixels, rows: Numbers, meter: Meter
) -> tuple[npt.NDArray[np.float16], float, tuple[Floats, ...]]:
    """Embeddings of all rows with their scale, and the channels of a sample at each depth."""
    sampled = np.isin(rows, _sample(rows))
    parts: list[npt.NDArray[np.float32]] = []
    depths: list[tuple[Floats, ...]] = []
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        found, inner = explanations.embed(model, prepared.array[rows[some]])
        parts.append(record.sketch(found))
        depths.append(tuple(one[sampled[some]] for one in inner))
        meter.update(min(first + _AT_ONCE, len(rows)))
    scale = max(float(max(np.abs(part).max() for part in parts)), 1e-6)
    embeddings = np.concatenate([(part / scale).astype(np.float16) for part in parts])
    return embeddings, scale, tuple(np.concatenate(d) for d in zip(*depths, strict=True))


def _sample(rows: Numbers) -> Numbers:
    """At most _SAMPLE of some rows, the same at every call."""
    if len(rows) <= _SAMPLE:
        return rows
    return np.sort(np.random.default_rng(len(rows)).choice(rows, _SAMPLE, replace=False))


def _chosen(count: int) -> npt.NDArray[np.int32]:
    """At most _CHANNELS of a depth's channels."""
    order = np.random.default_rng(count).permutation(count)[:_CHANNELS]
    return np.sort(order).astype(np.int32)


def _usual(away: Floats) -> Floats:
    """(k, 2) median and robust spread of (n, k) log distances."""
    median = np.median(away, axis=0)
    spread = _SPREAD * np.median(np.abs(away - median), axis=0)
    return np.stack([median, np.maximum(spread, _LEAST_SPREAD)], axis=1).astype(np.float32)


def _quality(seen: npt.NDArray[np.uint8]) -> Floats:
    """The BRISQUE of some films, sorted, without those that have none."""
    found = np.array([quality.brisque(film) for film in seen], np.float32)
    return np.sort(found[~np.isnan(found)])


def _limits(scores: list[record.Scores]) -> Floats:
    """Of unlike and turned, chosen together; of mirrored, which only warns, on its own."""
    withheld = np.array([[score.unlike, score.turned] for score in scores])
    mirrored = np.array([[score.mirrored] for score in scores])
    together = limits.joint(withheld, limits.ALARMS)
    # Nobody is warned of a film that is more likely as it should be.
    alone = np.maximum(limits.joint(mirrored, limits.WARNINGS), 0)
    return np.concatenate([together, alone]).astype(np.float32)
