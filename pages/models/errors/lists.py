"""The lists of films: where runs disagree, what all get wrong, labels in doubt, one run's mistakes."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from cxrcore import comparison, mistakes, settings, store
from cxrcore.mistakes import Mistakes

EACH = 10  # mistakes drawn in every class, as study D did


@dataclass(frozen=True)
class Kind:
    """A list of films.

    Attributes:
        help: a sentence on what is listed and in which order.
        films: from all runs, the name of one and a seed.
        of_one: whether it is about one run.
        empty: what is said where it has no film.
    """

    help: str
    films: Callable[[Mistakes, str, int], pd.DataFrame]
    of_one: bool
    empty: str


KINDS = {
    "Surest mistakes": Kind(
        "Films that the model takes for another class, those it is surest of first.",
        lambda found, name, _: found.confident(name),
        True,
        "It has every test film right.",
    ),
    "Ten of each class": Kind(
        f"{EACH} mistakes drawn at random in every class: what its typical mistakes look like.",
        lambda found, name, seed: found.random(name, EACH, seed),
        True,
        "It has every test film right.",
    ),
    "Surest right": Kind(
        "The film of each class that the model is surest of and right about.",
        lambda found, name, _: found.surest(name),
        True,
        "It has no test film right.",
    ),
    "Disagreement": Kind(
        "Films on which the models' answers differ, those whose probabilities differ most first "
        "(Jensen-Shannon divergence).",
        lambda found, *_: found.disagreed(),
        False,
        "The models give the same answer for every test film.",
    ),
    "All wrong": Kind(
        "Films that every model takes for another class; first those whose label is in doubt.",
        lambda found, *_: found.missed_by_all(),
        False,
        "No test film is wrong for all of them.",
    ),
    "Label in doubt": Kind(
        "Films that belong to another class as clearly as its own films do, by all models together "
        "(confident learning). Only test films count: what a model was trained on it believes.",
        lambda found, *_: found.doubtful(),
        False,
        "No label of a test film is in doubt.",
    ),
}


def find(names: Sequence[str]) -> Mistakes:
    """What runs say about the test films in common; read again when a file of the store changed.

    Raises:
        ComparisonError, StoreError: as `mistakes.find`.
    """
    return _find(tuple(names), str(settings.models_dir()), hash(store.stamp()))


@st.cache_resource(max_entries=8, show_spinner="Reading what the models said …")
def _find(names: tuple[str, ...], root: str, stamp: int) -> Mistakes:
    return mistakes.find(comparison.subjects(names))
