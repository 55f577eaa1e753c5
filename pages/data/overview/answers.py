"""What runs answer to the example films that they have in common."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from cxrcore import settings, store
from cxrcore.store import Example, Run
from pages.shared.entries import Entry

PER_CLASS = 2  # films, where no run has its examples yet


@dataclass(frozen=True)
class Answer:
    """What one run answers to a film; without `example` the map is still to come."""

    entry: Entry
    run: Run
    label: str
    predicted: str
    probability: float
    example: Example | None = None

    @property
    def right(self) -> bool:
        """Whether it is the true class."""
        return self.predicted == self.label


@dataclass(frozen=True)
class Films:
    """Films with the answers of runs, and the runs whose example films can be made.

    `answers` maps the image_id of each film to the answers, in the order of the entries; the films
    are those that the most runs were tested on.
    """

    answers: Mapping[str, Sequence[Answer]]
    lacking: Sequence[Run]


def find(entries: Sequence[Entry]) -> Films:
    """The films to show of some runs; of families their first run.

    Where no run has example films yet, the answers are those of its predictions.

    Raises:
        StoreError: those are missing or were changed.
    """
    names = tuple(entry.name for entry in entries)
    return _find(entries, names, str(settings.models_dir()), hash(store.stamp()))


@st.cache_resource(max_entries=8, show_spinner=False)
def _find(
    _entries: Sequence[Entry],
    names: tuple[str, ...],  # noqa: ARG001  (the key of the cache, as the next two)
    root: str,  # noqa: ARG001
    stamp: int,  # noqa: ARG001
) -> Films:
    entries = _entries
    first = [(entry, entry.runs[0]) for entry in entries]
    kept = [store.examples(run) for _, run in first]
    lacking = [
        run for (_, run), found in zip(first, kept, strict=True) if found is None and run.has_layers
    ]
    if any(kept):
        given = [
            Answer(entry, run, film.label, film.predicted, max(film.probabilities), film)
            for (entry, run), found in zip(first, kept, strict=True)
            for film in (found.films if found else ())
        ]
        ids = [film.image_id for found in kept if found for film in found.films]
    else:
        pairs = [pair for entry, run in first for pair in _predicted(entry, run)]
        ids, given = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Films(_in_common(ids, given), lacking)


def _predicted(entry: Entry, run: Run) -> list[tuple[str, Answer]]:
    """The films that would be examples, with the answers of the run's predictions."""
    table = run.predictions()
    test = table[table["split"] == "test"].sort_values("image_id")
    chosen = test.groupby("label", sort=False).head(PER_CLASS).to_dict("records")
    chosen.sort(key=lambda row: run.classes.index(row["label"]))
    return [
        (
            row["image_id"],
            Answer(entry, run, row["label"], row["predicted"], row[f"p_{row['predicted']}"]),
        )
        for row in chosen
    ]


def _in_common(ids: Sequence[str], given: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The answers by film, of the films that most runs have."""
    counts = Counter(ids)
    most = max(counts.values(), default=0)
    films: dict[str, list[Answer]] = {}
    for image_id, answer in zip(ids, given, strict=True):
        if counts[image_id] == most:
            films.setdefault(image_id, []).append(answer)
    return films
