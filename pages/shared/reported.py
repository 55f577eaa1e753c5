"""What the studies reported, with its caveat, beside what was measured here."""

import re

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.metrics import Metrics
from cxrcore.models import RECIPES, Recipe, Reported
from cxrcore.training.weight_import import same_class

_NAMES = {"xray": "X-rays", "ct": "CT slices"}
_AVERAGES = {"macro_precision": "Macro precision", "macro_recall": "Macro recall"}
_OF_CLASS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "accuracy": "Accuracy"}


def accuracy(recipe: str, dataset: Dataset) -> float | None:
    """What its study reports of a recipe on images of the dataset's modality; None if nothing."""
    if recipe not in RECIPES:
        return None
    return RECIPES[recipe].reported_on(_modality(dataset)).accuracy


def caption(recipe: Recipe, dataset: Dataset) -> None:
    """One line for a form: the accuracy, on what, and all that speaks against it as help."""
    told = [
        f"**{figures.accuracy:.3f}** on {kind or recipe.data}"
        for kind, figures in _figures(recipe, dataset).items()
        if figures.accuracy is not None
    ]
    if told:
        data = f" ({recipe.data})" if recipe.reported_ct else ""
        st.caption(f"Published accuracy {', '.join(told)}{data}.", help=_doubts(recipe, dataset))
    else:
        st.caption(_caveats(recipe, dataset), help=_doubts(recipe, dataset))


def beside(recipe: Recipe, measured: Metrics, dataset: Dataset) -> None:
    """Draw every figure that the study reports, with what was measured here, and the caveat.

    Args:
        recipe: of the run; of a recipe of this version its texts are those of today.
        measured: the run's, or a family's, on the test images.
        dataset: decides between X-ray and CT figures.
    """
    recipe = RECIPES.get(recipe.name, recipe)
    columns = {
        f"Reported on {kind}" if kind else "Reported": _by_name(figures)
        for kind, figures in _figures(recipe, dataset).items()
    }
    here = _here(measured, recipe)
    names = list(dict.fromkeys(name for told in columns.values() for name in told))
    if names:
        table = pd.DataFrame({"Figure": [here.get(name, (name,))[0] for name in names]})
        for column, told in columns.items():
            table[column] = pd.array([told.get(name) for name in names], dtype="Float64")
        values = [here.get(name, (name, None))[1] for name in names]
        table["Measured here"] = pd.array(values, dtype="Float64")
        number = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(
            table,
            hide_index=True,
            column_config=dict.fromkeys([*columns, "Measured here"], number),
            placeholder="—",
            alt=f"What the study reported of {recipe.name}, beside what was measured here",
        )
        st.caption(
            f"Reported on {recipe.data}; measured on the test images of {dataset.name}. "
            + _caveats(recipe, dataset),
            help=_doubts(recipe, dataset),
        )
    else:
        st.caption(_caveats(recipe, dataset), help=_doubts(recipe, dataset))


def _modality(dataset: Dataset) -> str | None:
    """That of all images, as far as it is known; None where it is not, or differs."""
    known = set(dataset.table["modality"].dropna())
    return known.pop() if len(known) == 1 else None


def _figures(recipe: Recipe, dataset: Dataset) -> dict[str, Reported]:
    """The reported figures that fit the dataset, by what they are of; "" if that goes without saying.

    Where the study reports X-rays and CT slices apart and the dataset does not tell which it
    has, both.
    """
    if recipe.reported_ct is None:
        return {"": recipe.reported}
    modality = _modality(dataset)
    if modality is not None:
        return {_NAMES[modality]: recipe.reported_on(modality)}
    return {_NAMES["xray"]: recipe.reported, _NAMES["ct"]: recipe.reported_ct}


def _caveats(recipe: Recipe, dataset: Dataset) -> str:
    """The caveats of the figures that are shown, each once."""
    told: dict[str, list[str]] = {}
    for kind, figures in _figures(recipe, dataset).items():
        told.setdefault(figures.caveat, []).append(kind)
    if len(told) == 1:
        return next(iter(told))
    return " ".join(f"{kinds[0]}: {caveat}" for caveat, kinds in told.items())


def _doubts(recipe: Recipe, dataset: Dataset) -> str:
    parts = [_caveats(recipe, dataset), *recipe.defects, recipe.citation]
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def _by_name(figures: Reported) -> dict[str, float]:
    """What a study reports, by what a reader calls it."""
    told = {"Accuracy": figures.accuracy, "Loss": figures.loss, "Macro F1": figures.macro_f1}
    told |= {name: getattr(figures, field) for field, name in _AVERAGES.items()}
    for row in figures.per_class:
        told |= {f"{name} {row.name}": getattr(row, field) for field, name in _OF_CLASS.items()}
    return {name: value for name, value in told.items() if value is not None}


def _here(measured: Metrics, recipe: Recipe) -> dict[str, tuple[str, float]]:
    """By the study's name of each figure: what to call it here, and its value.

    Classes that are called alike are taken for the same, and the name here is added then. What a
    study calls the accuracy of a class is not measured.
    """
    told = {"Accuracy": measured.accuracy, "Loss": measured.loss, "Macro F1": measured.macro.f1}
    told |= {"Macro precision": measured.macro.precision, "Macro recall": measured.macro.recall}
    found = {name: (name, value) for name, value in told.items()}
    rows = {_positive(row.name): row for row in measured.classes}
    for published in recipe.class_names:
        if (alike := same_class(_positive(published), list(rows))) is None:
            continue
        row = rows[alike]
        here = "" if row.name == published else f" (here {row.name})"
        for field in ("precision", "recall", "f1"):
            name = f"{_OF_CLASS[field]} {published}"
            found[name] = f"{name}{here}", getattr(row, field)
    return found


def _positive(name: str) -> str:
    """Non-COVID and not COVID-19 begin alike."""
    return re.sub(r"^no[nt][\s_-]+", "non-", name, flags=re.IGNORECASE)
