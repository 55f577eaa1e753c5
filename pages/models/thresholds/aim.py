"""What is aimed at: which class must not be missed, how often it is caught, how common it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache, comparisons, run_choice


@dataclass(frozen=True)
class Aim:
    """The class, the recall that is wanted, its share among 1,000 films, and the runs."""

    class_name: str
    recall: float
    prevalence: float
    runs: tuple[str, ...]


def choose(dataset: Dataset, runs: Sequence[str]) -> Aim:
    """Draw the controls.

    Args:
        dataset: of the runs.
        runs: ids to choose from, the newest first.
    """
    classes = cache.run_classes(dataset)
    first = comparisons.class_in_question(classes)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        class_name = st.selectbox(
            "Class that must not be missed",
            classes,
            index=classes.index(first) if first else 0,
            key=f"not_missed_{dataset.name}",
            bind="query-params",
            width=230,
        )
        recall = st.slider(
            "Recall wanted",
            50,
            100,
            95,
            1,
            format="%d %%",
            key="recall_wanted",
            bind="query-params",
            help="The share of its films that should be caught. All tables and matrices follow.",
            width=260,
        )
        share = _share(dataset, runs, class_name)
        prevalence = st.number_input(
            "Share among your films (%)",
            0.0,
            100.0,
            round(100 * share, 1),
            0.5,
            format="%.1f",
            key=f"prevalence_{dataset.name}_{class_name}",
            help="How common the class is where the model would be used. At first that of the dataset, "
            "which is often far from a clinic's.",
            width=190,
        )
        chosen = run_choice.choose(dataset, runs, key="threshold_runs")
    return Aim(class_name, recall / 100, prevalence / 100, chosen)


def _share(dataset: Dataset, runs: Sequence[str], class_name: str) -> float:
    """Of the class among the films, or among the test films where the dataset calls it otherwise."""
    if class_name in dataset.classes:
        return float((dataset.table["label"] == class_name).mean())
    tests = [cache.run(name).metrics["test"] for name in runs]
    known = [
        (row.support, test.n) for test in tests for row in test.classes if row.name == class_name
    ]
    return known[0][0] / known[0][1] if known else 0.0
