"""How a run, or the runs of a family, were trained: what differs from the study, and how it went."""

from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from cxrcore.models import FAST, RECIPES, SCHEDULE, own, schedule_of
from cxrcore.models.fields import PREPARATION, WEIGHTS_NAMES
from cxrcore.store import Run
from pages.shared.text import literal, plural


def show(runs: Sequence[Run], name: str) -> None:
    """Draw the differences, the notes, a sentence on the training and the images left out.

    Args:
        runs: one, or those of a family, which differ in fold and seed alone.
        name: of the run or family.
    """
    if rows := differences(runs):
        st.table(
            pd.DataFrame(rows, columns=["Other than published", "Here", "Published"]),
            border="horizontal",
            hide_index=True,
            alt=f"How the training of {name} differs from that in its study",
        )
    notes = [*(note for run in runs for note in run.notes), own.change(runs[0].recipe)]
    for note in dict.fromkeys(filter(None, notes)):
        st.caption(literal(note))
    st.caption(literal(_training(runs)))
    _removed(runs, name)


def differences(runs: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Field, value here and published value, as Markdown; empty if the recipe no longer exists.

    The seeds of several runs differ by design, so they are not listed.
    """
    here = runs[0].recipe
    if (published := RECIPES.get(here.name)) is None:
        return []
    rows: list[tuple[str, str, str]] = []
    options = here.options()
    fields = set(PREPARATION if runs[0].imported else options)
    if len(runs) > 1:
        fields.discard("seed")
    if not runs[0].imported and schedule_of(here) == "fast":
        rows.append((SCHEDULE.title, SCHEDULE.text("fast"), SCHEDULE.text("published")))
        fields -= set(FAST)
    for name, option in options.items():
        if name in fields and getattr(here, name) != getattr(published, name):
            values = literal(here.describe(name)), literal(published.describe(name))
            rows.append((option.title, *values))
    return rows


def _training(runs: Sequence[Run]) -> str:
    """One sentence on the training: network, values, epochs, machine."""
    first, recipe = runs[0], runs[0].recipe
    start = _each(WEIGHTS_NAMES.get(run.weights_used, run.weights_used) for run in runs)
    machine = f"{_each(run.precision for run in runs)} on {_each(run.device for run in runs)}"
    if first.home:
        return (
            f"{recipe.title}: trained on {first.home.dataset}, {recipe.image_size} px, predicted in "
            f"{machine}, {_range(round(run.images_per_second) for run in runs)} images/s."
        )
    if not first.has_recipe:
        known = first.interface.sentence if first.interface and first.has_network else ""
        return f"{recipe.title}: {first.stopped_because}. {known}".rstrip()
    if first.imported:
        return f"{recipe.title}: {recipe.image_size} px, {start}, scored in {machine}."
    return (
        f"{recipe.title}: {recipe.image_size} px, batch {recipe.batch_size}, "
        f"{_range(run.epochs_run for run in runs)} of at most {recipe.epochs} epochs, learning "
        f"rate {recipe.learning_rate:g}, starting weights {start}, {machine}, "
        f"{_range(round(run.images_per_second) for run in runs)} images/s, "
        f"{_each(run.stopped_because for run in runs)}."
    )


def _each(texts: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(texts))


def _range(numbers: Iterable[int]) -> str:
    every = sorted(numbers)
    low, high = every[0], every[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _removed(runs: Sequence[Run], name: str) -> None:
    """Every image that was left out, with the reason."""
    rows = {row["image_id"]: dict(row) for run in runs for row in run.removed}
    if not rows:
        return
    removed = pd.DataFrame(list(rows.values()))
    whose = "this run" if len(runs) == 1 else "these runs"
    with st.expander(f"{plural(len(removed), 'image')} left out of {whose}"):
        names = {"path": "File", "reason": "Reason"}
        st.dataframe(
            removed[list(names)].rename(columns=names),
            hide_index=True,
            column_config={"Reason": st.column_config.TextColumn(width="large")},
            alt=f"Images left out of {name}, with the reason",
        )
        st.download_button(
            "Download the list (CSV)",
            lambda: removed.to_csv(index=False),
            f"{name}-left-out.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"removed_{name}",
        )
