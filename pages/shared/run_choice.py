"""Choosing single runs of a dataset; the choice stands in the address."""

from collections.abc import Collection, Sequence

import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache
from pages.shared.text import literal, plural

AT_FIRST = 5  # newest runs


def usable(dataset: Dataset, then: str, *, tested: bool = False) -> list[str]:
    """Ids of the undamaged runs, the newest first; without one, say how to get it and end the run.

    Args:
        dataset: of the runs.
        then: what to do afterwards, to follow "Press Train a model above".
        tested: all runs with test predictions; otherwise those with a network.
    """
    table = cache.runs_table(dataset.name)
    rows = table[table["state"] == "ok"] if len(table) else table
    kept = rows["accuracy"].notna() if tested else rows["network"].eq(True)
    runs: list[str] = rows[kept]["run_id"].tolist()
    if not runs and len(rows):
        st.info(
            f"The models of **{literal(dataset.name)}** are predictions without a network: they can be "
            f"compared, but not asked. Press **Train a model** above{then}",
            icon=":material/model_training:",
        )
        st.stop()
    if not runs:
        st.info(
            f"No model has been trained on **{literal(dataset.name)}** yet. Press **Train a model** "
            f"above{then}",
            icon=":material/model_training:",
        )
        st.stop()
    return runs


def of_address(known: Collection[str]) -> list[str]:
    """The runs that the address names; says which of them are not among the known ones."""
    named = [name for name in dict.fromkeys(st.query_params.get("runs", "").split(",")) if name]
    if missing := [name for name in named if name not in known]:
        several = len(missing) > 1
        st.warning(
            f"This address names {plural(len(missing), 'run')} that {'are' if several else 'is'} not "
            f"here: {', '.join(map(literal, missing))}. Deleted, or of another dataset: choose among "
            "the runs that are."
        )
    return [name for name in named if name in known]


def choose(dataset: Dataset, runs: Sequence[str], *, key: str) -> tuple[str, ...]:
    """Draw a menu of runs; the chosen ones, or the newest.

    Args:
        dataset: of the runs.
        runs: ids to choose from, the newest first.
        key: of the widget, one per page.
    """
    titles = cache.titles(dataset.name)
    wanted = of_address(runs)
    at_first = wanted or list(runs[:AT_FIRST])
    with st.popover(f"{plural(len(at_first), 'run')} of {len(runs)}", icon=":material/checklist:"):
        picked = st.multiselect(
            "Runs",
            runs,
            default=at_first,
            format_func=lambda name: titles.get(name, name),
            key=f"{key}_{dataset.name}",
            placeholder="The newest",
        )
    picked = picked or list(runs[:AT_FIRST])
    if picked != at_first:
        st.query_params["runs"] = ",".join(picked)
    return tuple(picked)
