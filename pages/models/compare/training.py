"""How a run, or the runs of a family, came about: what differs from the study, with what, without what."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from cxrcore.images import REGION_NAMES
from cxrcore.models import FAST, RECIPES, Plateau, Recipe, Stopping, schedule_of
from cxrcore.store import Run
from pages.shared.text import WEIGHTS_NAMES, literal, plural
from pages.sidebar.training_options import AUGMENTATIONS, SCHEDULES

_MONITORS = {
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
}
# The fields of a recipe by the words of the form, in the order of this table.
_NAMES = {
    "region": "What the model sees",
    "image_size": "Image side",
    "weights": "Weights to start from",
    "epochs": "Epochs at most",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "optimizer": "Optimizer",
    "plateau": "Learning rate falls",
    "stopping": "Ends early",
    "best_by": "Weights kept",
    "augmentation": "Augmentation",
    "class_weights": "Rare classes count more",
    "favoured_class": "Class not to be missed",
    "favoured_weight": "Its images count",
    "label_smoothing": "Label smoothing",
    "max_brisque": "Highest BRISQUE score",
    "seed": "Seed",
}
_VALUES = {
    "region": REGION_NAMES,
    "augmentation": AUGMENTATIONS,
    "class_weights": {"none": "no", "balanced": "yes"},
    "best_by": {"val_loss": "of the epoch with the lowest validation loss"},
    "optimizer": {"adam": "Adam", "rmsprop": "RMSprop"},
}
_NONE = {"plateau": "never", "stopping": "no", "best_by": "of the last epoch"}
_OF_IMPORTED = ("region", "image_size")  # all that scoring depends on


def show(runs: Sequence[Run], name: str) -> None:
    """Draw it.

    Args:
        runs: one, or those of a family, which differ in fold and seed alone.
        name: of the run or family.
    """
    changed = changes(runs)
    if changed:
        st.table(
            pd.DataFrame(changed, columns=["Other than published", "Here", "Published"]),
            border="horizontal",
            hide_index=True,
            alt=f"What was done otherwise for {name} than in its study",
        )
    for note in dict.fromkeys(note for run in runs for note in run.notes):
        st.caption(note)
    st.caption(_training(runs))
    _removed(runs, name)


def changes(runs: Sequence[Run]) -> list[tuple[str, str, str]]:
    """What, how it was here, how it was published, as Markdown; nothing for a recipe that is not known any more.

    Several runs have seeds of their own, which are not told as a change.
    """
    here = runs[0].recipe
    if (published := RECIPES.get(here.name)) is None:
        return []
    rows: list[tuple[str, str, str]] = []
    left_out = {"seed"} if len(runs) > 1 else set()
    if not runs[0].imported and schedule_of(here) == "fast":
        rows.append(("Schedule", SCHEDULES["fast"], SCHEDULES["published"]))
        left_out |= set(FAST)
    for field in _OF_IMPORTED if runs[0].imported else _NAMES:
        if field not in left_out and getattr(here, field) != getattr(published, field):
            was = literal(_words(field, published))
            rows.append((_NAMES[field], literal(_words(field, here)), was))
    return rows


def _words(field: str, recipe: Recipe) -> str:
    """One value as the form would say it."""
    value = getattr(recipe, field)
    if isinstance(value, Plateau | Stopping):
        return _rule(value)
    if value is None:
        return _NONE.get(field, "none")
    if field == "image_size":
        return f"{value} px"
    if field == "favoured_weight":
        return "once" if value == 1 else f"{value:g} times"
    if field == "weights":
        return WEIGHTS_NAMES.get(value, Path(value).name)
    return _VALUES.get(field, {}).get(
        value, f"{value:g}" if isinstance(value, float) else str(value)
    )


def _rule(rule: Plateau | Stopping) -> str:
    text = f"after {plural(rule.patience, 'epoch')} without a better {_MONITORS[rule.monitor]}"
    if isinstance(rule, Plateau):
        text = f"÷{1 / rule.factor:g} {text}"
    if rule.settling_steps:
        text += f", the first {rule.settling_steps} steps not counted"
    return text


def _training(runs: Sequence[Run]) -> str:
    """One sentence on the training: network, values, epochs, machine."""
    first, recipe = runs[0], runs[0].recipe
    start = _each(WEIGHTS_NAMES.get(run.weights_used, run.weights_used) for run in runs)
    machine = f"{_each(run.precision for run in runs)} on {_each(run.device for run in runs)}"
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
