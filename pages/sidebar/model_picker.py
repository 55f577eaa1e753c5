"""Which model to train: a list to search by typing, and all of them in a table to choose from."""

import functools

import pandas as pd
import streamlit as st

from cxrcore import training
from cxrcore.models import RECIPES, Recipe, registry
from cxrcore.models.records import KERAS, OURS

_KEY = "recipe"
_STUDIES, _OURS, _FILES, _KERAS = "Published study", "Ours", "Your files", "Keras"
_GROUPS = (_STUDIES, _OURS, _FILES, _KERAS)


def choose(classes: int) -> Recipe:
    """Let a person choose a recipe; sizes are for that many classes."""
    options = _options(tuple(RECIPES.values()), classes)
    names = list(options)
    name = st.selectbox(
        "Model",
        names,
        format_func=options.__getitem__,
        key=_KEY,
        help="Type a part of the name to search, such as *mobile*. First the published studies, then "
        "ours, your own files, and the networks of Keras. M: millions of parameters.",
    )
    if st.button("Compare all models", icon=":material/table_rows:", type="tertiary"):
        _table(names, classes)
    return RECIPES[name]


def _group(recipe: Recipe) -> str:
    if recipe.study == KERAS:
        return _KERAS
    if recipe.name not in registry.of_this_package().recipes:
        return _FILES
    return _OURS if recipe.study == OURS else _STUDIES


@functools.lru_cache(maxsize=8)  # the sidebar is drawn at every rerun of every page
def _options(recipes: tuple[Recipe, ...], classes: int) -> dict[str, str]:
    """Name of each recipe -> what the list shows of it, in the order of the groups."""
    millions = {recipe.name: _millions(recipe, classes) for recipe in recipes}
    return {
        recipe.name: recipe.name
        if (m := millions[recipe.name]) is None
        else f"{recipe.name} · {m:.1f} M"
        for recipe in sorted(recipes, key=lambda recipe: _GROUPS.index(_group(recipe)))  # stable
    }


def _millions(recipe: Recipe, classes: int) -> float | None:
    """Millions of parameters; None where a file of one's own does not count them."""
    count = recipe.count_parameters(recipe.n_classes or classes)
    return None if count is None else count / 1e6


@st.dialog("All models", width="large")
def _table(names: list[str], classes: int) -> None:
    """All models with what they cost; the row that is clicked becomes the form's."""
    pace = training.pace()
    rows = [
        {
            "Model": name,
            "From": _group(recipe),
            "Parameters (M)": (millions := _millions(recipe, classes)),
            "Weights (MB)": None if millions is None else 4 * millions,
            "Image (px)": recipe.image_size,
            "Images/s": pace[recipe.network].images_per_second if recipe.network in pace else None,
            "Measured at": pace[recipe.network].recipe.image_size
            if recipe.network in pace
            else None,
        }
        for name in names
        for recipe in [RECIPES[name]]
    ]

    def take() -> None:
        chosen = st.session_state["all_models"].selection.rows
        if chosen:
            st.session_state[_KEY] = names[chosen[0]]

    number = st.column_config.NumberColumn
    picked = st.dataframe(
        pd.DataFrame(rows).astype(
            {
                "Parameters (M)": "Float64",
                "Weights (MB)": "Float64",
                "Images/s": "Float64",
                "Measured at": "Int64",
            }
        ),
        hide_index=True,
        column_config={
            "Parameters (M)": number(format="%.2f"),
            "Weights (MB)": number(format="%.0f"),
            "Images/s": number(format="%.1f"),
            "Measured at": number("Measured at (px)"),
        },
        placeholder="—",
        on_select=take,
        selection_mode="single-row",
        key="all_models",
        alt="Every model with its size and its measured speed",
    )
    st.caption(
        "Images/s: training images a second in the newest training of that network in this store, at "
        "the image side beside it. Weights: 4 bytes a parameter. Click a row to choose the model; the "
        "table can be searched and sorted."
    )
    if picked.selection.rows:
        st.rerun()
