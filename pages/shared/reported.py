"""What the studies reported, with its caveats, beside what was measured here."""

import re

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.metrics import Metrics, select
from cxrcore.models import RECIPES, Recipe, Reported
from cxrcore.training.weight_import import same_class

_NAMES = {"xray": "X-rays", "ct": "CT slices"}


def accuracy(recipe: str, dataset: Dataset) -> float | None:
    """The accuracy that the study of a recipe reports for the dataset's modality, if it does."""
    if recipe not in RECIPES:
        return None
    return RECIPES[recipe].reported_on(_modality(dataset)).accuracy


def caption(recipe: Recipe, dataset: Dataset) -> None:
    """One line for a form: the accuracy and on which images; all caveats are its help."""
    accuracies = [
        f"**{reports.accuracy:.3f}** on {kind or recipe.data}"
        for kind, reports in _reports(recipe, dataset).items()
        if reports.accuracy is not None
    ]
    if accuracies:
        data = f" ({recipe.data})" if recipe.reported_ct else ""
        st.caption(
            f"Published accuracy {', '.join(accuracies)}{data}.", help=_doubts(recipe, dataset)
        )
    else:
        st.caption(_caveats(recipe, dataset), help=_doubts(recipe, dataset))


def beside(recipe: Recipe, measured: Metrics, dataset: Dataset) -> None:
    """Draw every metric that the study reports, with what was measured here, and the caveats.

    Args:
        recipe: of the run; the texts of a known recipe are those of this version.
        measured: of the run or family, on the test images.
        dataset: decides between what was reported on X-rays and on CT slices.
    """
    recipe = RECIPES.get(recipe.name, recipe)
    columns = {
        f"Reported on {kind}" if kind else "Reported": _by_title(reports)
        for kind, reports in _reports(recipe, dataset).items()
    }
    here = _here(measured, recipe)
    names = list(dict.fromkeys(name for values in columns.values() for name in values))
    if names:
        table = pd.DataFrame({"Figure": [here.get(name, (name,))[0] for name in names]})
        for column, values in columns.items():
            table[column] = pd.array([values.get(name) for name in names], dtype="Float64")
        found = [here.get(name, (name, None))[1] for name in names]
        table["Measured here"] = pd.array(found, dtype="Float64")
        number = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(
            table,
            hide_index=True,
            column_config=dict.fromkeys([*columns, "Measured here"], number),
            placeholder="—",
            alt=f"What the study reported of {recipe.title}, beside what was measured here",
        )
        st.caption(
            f"Reported on {recipe.data}; measured on the test images of {dataset.name}. "
            + _caveats(recipe, dataset),
            help=_doubts(recipe, dataset),
        )
    else:
        st.caption(_caveats(recipe, dataset), help=_doubts(recipe, dataset))


def _modality(dataset: Dataset) -> str | None:
    """The modality of all images; None where it is unknown or differs."""
    known = dataset.table["modality"].unique()  # before the missing are dropped: six times faster
    found = [kind for kind in known if not pd.isna(kind)]
    return found[0] if len(found) == 1 else None


def _reports(recipe: Recipe, dataset: Dataset) -> dict[str, Reported]:
    """What the study reports for the dataset, by kind of image; "" where it has only one report.

    Both, where the study reports X-rays and CT slices separately and the modality of the dataset is
    unknown.
    """
    if recipe.reported_ct is None:
        return {"": recipe.reported}
    modality = _modality(dataset)
    if modality is not None:
        return {_NAMES[modality]: recipe.reported_on(modality)}
    return {_NAMES["xray"]: recipe.reported, _NAMES["ct"]: recipe.reported_ct}


def _caveats(recipe: Recipe, dataset: Dataset) -> str:
    """The caveats of the reports that are shown, each once."""
    kinds: dict[str, list[str]] = {}
    for kind, reports in _reports(recipe, dataset).items():
        kinds.setdefault(reports.caveat, []).append(kind)
    if len(kinds) == 1:
        return next(iter(kinds))
    return " ".join(f"{of[0]}: {caveat}" for caveat, of in kinds.items())


def _doubts(recipe: Recipe, dataset: Dataset) -> str:
    parts = [_caveats(recipe, dataset), *recipe.defects, recipe.citation]
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def _by_title(reports: Reported) -> dict[str, float]:
    """What a study reports, by the title that readers see."""
    overall = select("confusion", "predictions")
    values = {metric.symbol: getattr(reports, metric.name, None) for metric in overall}
    for row in reports.per_class:
        for metric in select("confusion", "predictions", scope="class"):
            values[f"{metric.symbol} {row.name}"] = getattr(row, metric.name, None)
        values[f"Accuracy {row.name}"] = row.accuracy
    return {title: value for title, value in values.items() if value is not None}


def _here(measured: Metrics, recipe: Recipe) -> dict[str, tuple[str, float | None]]:
    """By the title of each reported metric: its title here, and the value measured here.

    Classes with similar names are taken for the same; the title then includes the name here. What a
    study calls the accuracy of a class is not measured.
    """
    overall = select("confusion", "predictions")
    found = {m.symbol: (m.symbol, measured.value(m.name)) for m in overall}
    rows = {_positive(row.name): row for row in measured.classes}
    for published in recipe.class_names:
        if (alike := same_class(_positive(published), list(rows))) is None:
            continue
        row = rows[alike]
        here = "" if row.name == published else f" (here {row.name})"
        for metric in select("confusion", "predictions", scope="class"):
            title = f"{metric.symbol} {published}"
            found[title] = f"{title}{here}", row.value(metric.name)
    return found


def _positive(name: str) -> str:
    """One form of a negated name: "Non-COVID" and "not COVID-19" both become "non-…"."""
    return re.sub(r"^no[nt][\s_-]+", "non-", name, flags=re.IGNORECASE)
