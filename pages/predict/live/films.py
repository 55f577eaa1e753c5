"""Which films of a dataset the runs were tested on, and which they took for another class."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.store import Run
from pages.shared import cache, run_marks


@dataclass(frozen=True)
class Picked:
    """The film in question.

    Attributes:
        key: its image_id; of an upload the digest of its bytes.
        name: of its file; in the dataset's folder with its path.
        source: the file, or the bytes of an upload.
        label: its class where it is known.
        mask: of its lungs.
        own: whether it is of the dataset.
        page: of a file of several.
    """

    key: str
    name: str
    source: Path | bytes
    label: str | None = None
    mask: Path | None = None
    own: bool = False
    page: int = 1

    @property
    def title(self) -> str:
        """The name without folders."""
        return self.name.rpartition("/")[2] if self.own else self.name


def of_dataset(dataset: Dataset, image_id: str) -> Picked:
    """A film of the dataset."""
    row = dataset.table.iloc[cache.places(dataset)[image_id]]
    return Picked(
        image_id,
        str(row["path"]),
        dataset.path_of(image_id),
        str(row["label"]),
        dataset.mask_of(image_id),
        own=True,
    )


@dataclass(frozen=True)
class Parts:
    """image_id -> part of the split, of the films a run was not trained on; those it got wrong."""

    part: Mapping[str, str]
    wrong: frozenset[str]

    def tested(self) -> set[str]:
        """The test films."""
        return {image_id for image_id, part in self.part.items() if part == "test"}


def parts(run: Run) -> Parts:
    """What a run's predictions say of its films, read once.

    Raises:
        StoreError: they are missing or were changed.
    """
    return _parts(run, run.seal)


@st.cache_resource(max_entries=32, show_spinner=False)
def _parts(_run: Run, seal: str) -> Parts:
    table = _run.predictions()
    wrong = (table["split"] == "test") & (table["label"] != table["predicted"])
    part = dict(zip(table["image_id"], table["split"], strict=True))
    return Parts(part, frozenset(table.loc[wrong, "image_id"]))


def find(
    dataset: Dataset, runs: Sequence[Run], *, label: str | None, text: str, mistakes: bool
) -> Sequence[str]:
    """The image_ids that match, those that all runs were tested on first, then mixed.

    Args:
        dataset: of the films.
        runs: shown.
        label: their class; None for all.
        text: part of the file's name or the patient's, in any case.
        mistakes: only test films that one of the runs took for another class.

    Raises:
        StoreError: as `parts`.
    """
    seals = tuple(run.seal for run in runs)
    return _find(dataset, runs, cache.token(dataset), seals, label, text.strip(), mistakes)


@st.cache_resource(max_entries=32, show_spinner=False)
def _find(
    _dataset: Dataset,
    _runs: Sequence[Run],
    token: str,
    seals: tuple[str, ...],
    label: str | None,
    text: str,
    mistakes: bool,
) -> Sequence[str]:
    table, known = _dataset.table, [parts(run) for run in _runs]
    keep = np.ones(len(table), bool)
    if label is not None:
        keep &= (table["label"] == label).to_numpy(bool, na_value=False)
    if text:
        found = [
            table[column].str.contains(text, case=False, regex=False)
            for column in ("path", "patient_id")
        ]
        keep &= np.any([f.to_numpy(bool, na_value=False) for f in found], axis=0)
    ids = set(table["image_id"].to_numpy(object)[keep])
    if mistakes:
        ids &= set().union(*(of_run.wrong for of_run in known))
    tested = set.intersection(*(of_run.tested() for of_run in known)) if known else set()
    return sorted(ids & tested) + sorted(ids - tested)  # image_ids are digests: a shuffle


def held_out(run: Run, picked: Picked) -> str:
    """Whether a run may have learned from a film, as a sentence; empty for an upload."""
    if not picked.own:
        return ""
    if run.imported:
        return "Imported weights: whether they were trained on this film is not known."
    part = parts(run).part.get(picked.key)
    if part == "test" and (known := run_marks.known_by(run, picked.key)):
        return f"A test film, but known from training or validation by {known}."
    if part == "test":
        return "A test film: never seen in training."
    if part == "validation":
        return "A validation film: used to choose the epoch, not to learn from."
    return "Not a test film: it may have been learned from."
